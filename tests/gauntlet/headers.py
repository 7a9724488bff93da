"""Makers of damaged files: wrong bytes in the header or in the compressed stream.

A maker takes the usual place of the T1w and a good brain, and writes what is wrong.
"""

import gzip
import io
import struct
import zipfile

import nibabel as nib
import numpy as np

NDIM, DIM, DATATYPE, PIXDIM, OFFSET, SLOPE, INTERCEPT, CODES = 40, 42, 70, 80, 108, 112, 116, 252
QUATERNION, SROW, MAGIC = 256, 280, 344
_ZEROS = 2**24


def pack(path, content):
    path.write_bytes(gzip.compress(bytes(content), compresslevel=1, mtime=0))


def patched(*changes):
    """Overwrite numbers of the NIfTI-1 header: ``(offset, struct format, numbers...)`` each."""

    def make(path, brain):
        content = bytearray(brain.to_bytes())
        for offset, kind, *numbers in changes:
            struct.pack_into(f"<{kind}", content, offset, *numbers)
        pack(path, content)

    return make


def qform_only(*changes):
    """Take the place in space from qform and voxel sizes, which are then changed."""

    def make(path, brain):
        image = nib.Nifti1Image(np.asarray(brain.dataobj), None)
        image.set_qform(brain.affine, code=1)
        image.set_sform(None, code=0)
        patched(*changes)(path, image)

    return make


def cut(share):
    """Keep a share of the compressed bytes (negative: take so many off the end)."""

    def make(path, brain):
        pack(path, brain.to_bytes())
        content = path.read_bytes()
        path.write_bytes(content[: share if share < 0 else int(share * len(content))])

    return make


def flipped(*shares):
    """Flip one bit at each of these shares of the compressed bytes."""

    def make(path, brain):
        pack(path, brain.to_bytes())
        content = bytearray(path.read_bytes())
        for share in shares:
            content[int(share * len(content))] ^= 16
        path.write_bytes(content)

    return make


def swollen(path, brain):
    """Put 4 GB of zeros behind a good brain; the file stays small."""
    pack(path, brain.to_bytes())
    _append_zeros(path, 2**32)


def of_zeros(shape):
    """Describe a huge matrix honestly and fill it with zeros; the file stays small."""

    def make(path, brain):
        header = brain.header.copy()
        header.set_data_shape(shape)
        header["vox_offset"] = 352
        pack(path, header.binaryblock + bytes(4))
        _append_zeros(path, 2 * int(np.prod(shape)))

    return make


def _append_zeros(path, size):
    member = gzip.compress(bytes(_ZEROS), mtime=0)
    with path.open("ab") as stream:
        stream.write(member * -(-size // _ZEROS))


def nifti2(shape):
    """Claim any matrix in a NIfTI-2 header, which has room for it."""

    def make(path, brain):
        content = bytearray(nib.Nifti2Image(np.asarray(brain.dataobj), brain.affine).header.binaryblock)
        struct.pack_into("<8q", content, 16, len(shape), *shape, *[1] * (7 - len(shape)))
        pack(path, content + bytes(4000))

    return make


def plain_inside(path, brain):
    path.write_bytes(brain.to_bytes())


def compressed_inside(path, brain):
    pack(path.with_suffix(""), brain.to_bytes())


def changed(change):
    """Write the brain under the usual name after a change of the bytes of its NIfTI file."""
    return lambda path, brain: path.write_bytes(change(brain.to_bytes()))


def zipped(content):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as stream:
        stream.writestr("T1w.nii", content)
    return archive.getvalue()


def packed_twice(content):
    return gzip.compress(gzip.compress(content))


def mgh_inside(path, brain):
    image = nib.MGHImage(np.asarray(brain.dataobj, dtype=np.float32), brain.affine)
    path.write_bytes(gzip.compress(image.to_bytes()))


def in_metres(path, brain):
    image = nib.Nifti1Image(np.asarray(brain.dataobj), np.diag([1e-3] * 3 + [1]) @ brain.affine)
    image.header.set_xyzt_units("meter")
    nib.save(image, path)


def text(content):
    def make(path, _):
        path.write_bytes(content)

    return make
