"""Voxel grids and transforms: where the voxels of an image lie in the world (RAS+ mm)."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine, from_matvec, rescale_affine, to_matvec, voxel_sizes
from nibabel.orientations import inv_ornt_aff, io_orientation, ornt_transform
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "GRID_AFFINE",
    "GRID_SIZE",
    "LPS",
    "PHASES",
    "as_matrix",
    "axis_angle_degrees",
    "box",
    "centre_of",
    "conformed_affine",
    "count_voxels",
    "grid_around",
    "inside_points",
    "itk_transform",
    "largest_component",
    "mask_image",
    "mask_volume_mm3",
    "obliquity_degrees",
    "pad_to_grid",
    "read_itk_transform",
    "reorientation",
    "resample_onto",
    "rigid_part",
    "rotation_degrees",
    "voxel_volume_mm3",
]

GRID_SIZE = 256
GRID_AFFINE = np.array([[-1, 0, 0, 127], [0, 0, 1, -128], [0, -1, 0, 127], [0, 0, 0, 1]], dtype=float)
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
# First voxels of the lattices of every second voxel, ``volume[x::2, y::2, z::2]``. Each pair lies opposite,
# so that an even number of them is centred on the scan.
PHASES = ((0, 0, 0), (1, 1, 1), (0, 1, 1), (1, 0, 0), (1, 0, 1), (0, 1, 0), (1, 1, 0), (0, 0, 1))


def as_matrix(affine: NDArray[np.float64]) -> Any:
    """Return a 4x4 array as nested tuples of floats, as records hold it."""
    return tuple(tuple(float(value) for value in row) for row in affine)


def count_voxels(path: Path) -> int | None:
    """Return the number of voxels according to the header of an image, or None if it cannot be read."""
    try:
        image: Any = nib.load(path)
        return int(math.prod(image.shape))
    except Exception:  # of any class: the step that loads the image explains what is wrong with it
        return None


def voxel_volume_mm3(affine: NDArray[np.float64]) -> float:
    """Return the volume of a voxel in mm^3."""
    return abs(float(np.linalg.det(affine[:3, :3])))


def mask_volume_mm3(mask: nib.Nifti1Image) -> float:
    """Return the volume of a mask in mm^3."""
    return float(np.count_nonzero(np.asarray(mask.dataobj))) * voxel_volume_mm3(mask.affine)


def largest_component(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest connected component of a mask, connected by faces; empty if the mask is."""
    import cc3d

    return np.asarray(cc3d.largest_k(inside, k=1, connectivity=6), dtype=bool)


def mask_image(image: nib.Nifti1Image, mask: nib.Nifti1Image) -> nib.Nifti1Image:
    """Return the image with zeros outside the mask, float32."""
    data = np.asarray(image.dataobj, dtype=np.float32)
    return nib.Nifti1Image(np.where(np.asarray(mask.dataobj) > 0, data, np.float32(0)), image.affine)


def inside_points(mask: nib.Nifti1Image) -> NDArray[np.int64]:
    """Return the voxel indices of a mask, shape (n, 3)."""
    return np.argwhere(np.asarray(mask.dataobj) > 0)


def centre_of(mask: nib.Nifti1Image) -> NDArray[np.float64]:
    """Return the centre of mass of a mask, world RAS+ mm."""
    return np.asarray(apply_affine(mask.affine, inside_points(mask).mean(axis=0)))


def box(
    voxels: NDArray[Any], margin: int | NDArray[np.int64], shape: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first and the end voxel of the box around points, plus a margin, clipped to an image.

    >>> first, end = box(np.array([[1.5, 2, 3], [4, 5, 6]]), 1, (10, 10, 7))
    >>> first.tolist(), end.tolist()
    ([0, 1, 2], [6, 7, 7])
    """
    first = np.floor(voxels.min(axis=0)).astype(int) - margin
    end = np.ceil(voxels.max(axis=0)).astype(int) + margin + 1
    return np.clip(first, 0, shape), np.clip(end, 0, shape)


def obliquity_degrees(affine: NDArray[np.float64]) -> float:
    """Return the largest angle between a voxel axis and its world axis."""
    return float(np.degrees(np.max(np.abs(nib.affines.obliquity(affine)))))


def axis_angle_degrees(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the largest angle between the voxel axes of two affines of the same image."""
    axes = (affine[:3, :3] / voxel_sizes(affine) for affine in (one, other))
    return _angle_degrees(np.einsum("ij,ij->j", *axes).min())


def rotation_degrees(rigid: NDArray[np.float64]) -> float:
    """Return the angle of the rotation of a rigid 4x4 matrix."""
    return _angle_degrees((np.trace(rigid[:3, :3]) - 1) / 2)


def _angle_degrees(cosine: Any) -> float:
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def rigid_part(affine: NDArray[np.float64], centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rotation nearest to a 4x4 matrix (polar decomposition) that moves a point as it does.

    >>> rigid_part(np.diag([2.0, 2, 2, 1]), np.array([1.0, 0, 0])).tolist()[0]
    [1.0, 0.0, 0.0, 1.0]
    """
    left, _, right = np.linalg.svd(affine[:3, :3])
    rotation = left @ right
    return np.asarray(from_matvec(rotation, apply_affine(affine, centre) - rotation @ centre))


def reorientation(affine: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the nibabel orientation transform from the axis order of one affine to that of another."""
    return np.asarray(ornt_transform(io_orientation(affine), io_orientation(target)))


def grid_around(centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the affine of the model grid whose middle lies at a point, world RAS+ mm."""
    matrix = GRID_AFFINE[:3, :3]
    return np.asarray(from_matvec(matrix, centre - matrix @ np.full(3, (GRID_SIZE - 1) / 2)))


def conformed_affine(image: nib.Nifti1Image) -> NDArray[np.float64]:
    """Return the affine that ``nibabel.processing.conform`` gives an image on the model grid.

    The axes are reordered to LIA and stay parallel to those of the image; the middle voxel stays in place.
    """
    turn = reorientation(image.affine, GRID_AFFINE)
    shape = tuple(image.shape[int(axis)] for axis in np.argsort(turn[:, 0]))
    turned = image.affine @ inv_ornt_aff(turn, image.shape)
    return np.asarray(rescale_affine(turned, shape, (1.0, 1.0, 1.0), (GRID_SIZE,) * 3))


def pad_to_grid(image: nib.Nifti1Image) -> nib.Nifti1Image:
    """Return an image of 1 mm voxels zero-padded in its own axis order, then reordered to LIA, float32."""
    before = [(GRID_SIZE - n) // 2 for n in image.shape]
    data = np.zeros((GRID_SIZE,) * 3, dtype=np.float32)
    place = tuple(slice(b, b + n) for b, n in zip(before, image.shape, strict=True))
    data[place] = np.asarray(image.dataobj, dtype=np.float32)
    padded = nib.Nifti1Image(data, image.affine @ from_matvec(np.eye(3), [-b for b in before]))
    reordered: nib.Nifti1Image = padded.as_reoriented(reorientation(padded.affine, GRID_AFFINE))
    return reordered


def resample_onto(
    image: nib.Nifti1Image,
    target: nib.Nifti1Image,
    image_to_target: NDArray[np.float64],
    *,
    order: int,
) -> nib.Nifti1Image:
    """Return an image moved into the space of another and resampled on its grid, float32.

    Parameters
    ----------
    image_to_target
        4x4 matrix that maps points of the image to points of the target, world RAS+ mm.
    order
        Order of the spline: 0 is nearest neighbour, 1 linear. Zero outside the image.

    Notes
    -----
    ``nibabel.processing.resample_from_to`` multiplies the matrices in another order, which changes last bits.
    """
    from scipy.ndimage import affine_transform

    sampling = np.linalg.inv(image.affine) @ np.linalg.inv(image_to_target) @ target.affine
    data = np.asarray(image.dataobj, dtype=np.float32)
    moved = affine_transform(data, *to_matvec(sampling), target.shape[:3], order=order)
    return nib.Nifti1Image(moved, target.affine)


def itk_transform(t1w_to_template: NDArray[np.float64]) -> str:
    """Return the ITK text transform that resamples the T1w onto the template.

    Parameters
    ----------
    t1w_to_template
        4x4 matrix that maps T1w points to template points, world RAS+ mm.

    Returns
    -------
    str
        ITK maps template points to T1w points in LPS+ mm, so the matrix is inverted and flipped
        (``antsApplyTransforms -i T1w -r template -t FILE`` takes it as it is). Twelve significant digits;
        nitransforms 25.1 would write six.
    """
    matrix = LPS @ np.linalg.inv(t1w_to_template) @ LPS
    numbers = [*matrix[:3, :3].ravel(), *matrix[:3, 3]]
    return (
        "#Insight Transform File V1.0\n#Transform 0\n"
        "Transform: AffineTransform_double_3_3\n"
        f"Parameters: {' '.join(f'{n:.12g}' for n in numbers)}\n"
        "FixedParameters: 0 0 0\n"
    )


def read_itk_transform(text: str) -> NDArray[np.float64]:
    """Return the 4x4 matrix with which an ITK text transform resamples an image, inverted, world RAS+ mm.

    The inverse of :func:`itk_transform`: of a file that resamples the T1w onto another image, the matrix maps
    T1w points to points of that image.

    Raises
    ------
    ValueError
        The text is not one affine transform.

    Examples
    --------
    >>> read_itk_transform(itk_transform(np.diag([2.0, 1, 1, 1]))).tolist()[0]
    [2.0, 0.0, 0.0, 0.0]
    """
    kinds = re.findall(r"^Transform: *(\S+)", text, re.MULTILINE)
    if len(kinds) != 1 or not re.fullmatch(r"(Matrix\w*|Affine\w*)_(double|float)_3_3", kinds[0]):
        raise ValueError(f"not one affine transform, but {', '.join(kinds) or 'none'}")
    numbers = [_numbers(text, name) for name in ("Parameters", "FixedParameters")]
    if [len(values) for values in numbers] != [12, 3]:
        raise ValueError("not the 12 parameters and the centre of an affine transform")
    (linear, shift), centre = np.split(numbers[0], [9]), numbers[1]
    linear = linear.reshape(3, 3)
    matrix = LPS @ from_matvec(linear, shift + centre - linear @ centre) @ LPS
    return np.asarray(np.linalg.inv(matrix))


def _numbers(text: str, name: str) -> NDArray[np.float64]:
    match = re.search(rf"^{name}:(.*)$", text, re.MULTILINE)
    return np.array(match[1].split() if match else [], dtype=float)
