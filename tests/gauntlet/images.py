"""Makers of images that can be read but show something else than they should.

A maker takes the usual place of the T1w and a good brain, and writes what is wrong.
"""

import struct

import nibabel as nib
import numpy as np
from nibabel.affines import from_matvec, rescale_affine
from nibabel.eulerangles import euler2mat
from nibabel.processing import resample_from_to

from tests.gauntlet.headers import CODES, pack


def values(brain):
    return np.asarray(brain.dataobj, dtype=np.float32)


def voxels(change):
    """Change the voxels; the type follows."""

    def make(path, brain):
        nib.save(nib.Nifti1Image(change(values(brain)), brain.affine, dtype="compat"), path)

    return make


def placed(change):
    """Change voxels and affine together: ``change(data, affine)`` returns both."""

    def make(path, brain):
        data, affine = change(np.asarray(brain.dataobj), brain.affine)
        nib.save(nib.Nifti1Image(np.ascontiguousarray(data), affine), path)

    return make


def of_type(kind):
    def make(path, brain):
        nib.save(nib.Nifti1Image(values(brain).astype(kind), brain.affine, dtype=kind), path)

    return make


def one_voxel(value, kind=np.float32):
    """Give one voxel in the middle of the brain another value."""

    def make(path, brain):
        data = values(brain).astype(kind)
        data[tuple(n // 2 for n in data.shape)] = value
        nib.save(nib.Nifti1Image(data, brain.affine), path)

    return make


def nan_outside(data):
    return np.where(data > 0, data, np.nan).astype(np.float32)


def noise(data):
    return np.random.default_rng(0).normal(100, 20, data.shape).astype(np.float32)


def inverted(data):
    return np.where(data > 0, data.max() + 1 - data, 0).astype(np.int16)


def like_t2w(data):
    """Make fluid brightest, then grey, then white matter."""
    share = data / np.quantile(data[data > 0], 0.98)
    return np.where(data > 0, 100 + 900 * np.clip(1.1 - share, 0, 1) ** 1.5, 0).astype(np.int16)


def mask(data):
    return (data > 0).astype(np.uint8)


def labels(data):
    """Segment into seven classes."""
    edges = np.quantile(data[data > 0], np.linspace(0.1, 0.9, 6))
    return np.where(data > 0, 1 + np.digitize(data, edges), 0).astype(np.uint8)


def enhanced(data):
    """Brighten vessels and a lesion, as gadolinium does."""
    where = np.argwhere(data > 0)
    vessels = where[np.random.default_rng(2).choice(len(where), 400, replace=False)]
    data = data.copy()
    data[tuple(vessels.T)] *= 2.5
    data[40:46, 70:76, 50:56] *= 2
    return data.astype(np.int16)


def volumes(count):
    return lambda data: np.stack([data.astype(np.int16)] * count, axis=-1)


def sampled(zooms):
    """Sample the brain in other voxels."""

    def make(path, brain):
        size = np.array(brain.shape) * nib.affines.voxel_sizes(brain.affine)
        shape = tuple(int(n) for n in np.ceil(size / zooms))
        affine = rescale_affine(brain.affine, brain.shape, zooms, shape)
        data = values(resample_from_to(brain, (shape, affine), order=1))
        nib.save(nib.Nifti1Image(np.where(data > 50, data, 0).astype(np.int16), affine), path)

    return make


def scaled(factor):
    """Make the head larger or smaller."""
    return placed(lambda data, affine: (data, from_matvec(np.eye(3) * factor) @ affine))


def over(*, honest):
    """Turn the head over in the voxels; an honest header says so."""

    def change(data, affine):
        back = from_matvec(np.diag([1, -1, -1]), (0, data.shape[1] - 1, data.shape[2] - 1))
        return data[:, ::-1, ::-1], affine @ back if honest else affine

    return change


def axes_swapped(data, affine):
    """Store slices first, with the header of another order."""
    return np.moveaxis(data, 2, 0), affine


def mirrored(data, affine):
    return data[::-1], affine


def half(data, affine):
    return data[: data.shape[0] // 2], affine


def top_only(data, affine):
    first = data.shape[2] // 2
    return data[:, :, first:], affine @ from_matvec(np.eye(3), (0, 0, first))


def beside_the_field(data, affine):
    """Keep a field of view that the head does not reach: air with its noise."""
    air = np.random.default_rng(0).rayleigh(5, data.shape).astype(np.int16)
    air[:4] += np.asarray(data[len(data) // 2 : len(data) // 2 + 4])
    return air, affine


def far_away(data, affine):
    return data, from_matvec(np.eye(3), (4000, -3000, 2500)) @ affine


def long_axis(data, affine):
    wide = np.zeros((*data.shape[:2], 280), data.dtype)
    wide[:, :, 100 : 100 + data.shape[2]] = data
    return wide, affine @ from_matvec(np.eye(3), (0, 0, -100))


def tiny(data, affine):
    return data[45:53, 50:58, 45:53], affine


def qform_too(change):
    """Write a qform beside the sform that puts the head elsewhere: by ``change``, in the scanner."""

    def make(path, brain):
        image = nib.Nifti1Image(np.asarray(brain.dataobj), brain.affine)
        image.set_sform(brain.affine, code=1)
        image.set_qform(change @ brain.affine, code=1)
        nib.save(image, path)

    return make


def without_codes(path, brain):
    """Say nothing of orientation; what readers then assume happens to be true here."""
    content = bytearray(
        nib.Nifti1Image(np.asarray(brain.dataobj)[::-1], np.diag([-1.88, 1.88, 1.88, 1])).to_bytes()
    )
    struct.pack_into("<2h", content, CODES, 0, 0)
    pack(path, content)


def colour(path, brain):
    kind = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    data = np.zeros(brain.shape, kind)
    for name in kind.names:
        data[name] = values(brain) / values(brain).max() * 255
    nib.save(nib.Nifti1Image(data, brain.affine), path)


TURNED = from_matvec(euler2mat(0.0, 0.0, 0.7))
FLIPPED = np.diag([-1.0, 1.0, 1.0, 1.0])
SHIFTED = from_matvec(np.eye(3), (0, 30, 0))
LARGER = np.diag([1.1, 1.1, 1.1, 1.0])
