"""Opening the file of an image; nothing is allocated or decompressed on the strength of its header alone."""

from __future__ import annotations

import errno
import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.preprocess.file_format import check_format

__all__ = ["check_matrix", "named_damage", "open_image"]

_MAX_AXIS = 1024
_MAX_VOXELS = 2**28
_MAX_OFFSET = 2**26  # bytes before the first voxel: header and its extensions
_MAX_REST = 2**24  # bytes after the last voxel
_FIX_HEADER = "Fix the header."
_INCOMPLETE = "The file is incomplete, or its header is wrong: get a new copy."
_BLOCK = 2**20
_HEADERS = (nib.Nifti1Header, nib.Nifti2Header)


@contextmanager
def named_damage() -> Iterator[None]:
    """Turn any exception raised while reading a file into a NeuroFMError, but for a lack of memory.

    It calls a file damaged only if its compressed data or its check sum are.
    """
    try:
        yield
    except (NeuroFMError, MemoryError):
        raise
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _unreadable(error, "The file is damaged: get a new copy.") from error
    except PermissionError as error:
        raise NeuroFMError("no read permission for the image", fix="Check the permissions.") from error
    except OSError as error:
        if error.errno == errno.ENOMEM:
            raise
        if error.errno is not None:
            fix = "Check the disk or file server, and run the same command again."
            raise _unreadable(error.strerror, fix) from error
        raise _unreadable(error) from error
    except Exception as error:
        raise _unreadable(error) from error


def _unreadable(why: object, fix: str = "Check how the file was made, or get a new copy.") -> NeuroFMError:
    message = " ".join(str(why).split()) or type(why).__name__
    return NeuroFMError(f"the image cannot be read ({message})", fix=fix)


def open_image(path: Path) -> Any:
    """Open an image after checking its header and length.

    Raises
    ------
    NeuroFMError
        The file is damaged or another one than its name says, or no image could have this header.
    """
    with named_damage():
        check_format(path)
        header = _raw_header(path)
        if header is not None:
            check_matrix(header.get_data_shape())
            _check_zooms(header)
            offset = max(float(header["vox_offset"]), header.sizeof_hdr)
            _check_length(path, offset, header.get_data_shape(), _kind(header))
        image: Any = nib.load(path)
        if path.suffix.lower() in {".mgz", ".mgh"}:
            check_matrix(image.shape)
            _check_length(path, image.dataobj.offset, image.shape, image.get_data_dtype())
    return image


def _raw_header(path: Path) -> Any:
    """Return the header of a NIfTI file as it is, before nibabel corrects it, or None."""
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        return None
    with nib.openers.ImageOpener(str(path)) as stream:
        block = stream.read(nib.Nifti2Header.sizeof_hdr)
    for kind in _HEADERS:
        size = kind.sizeof_hdr
        if len(block) >= size and size in {int.from_bytes(block[:4], order) for order in ("little", "big")}:
            return kind(block[:size], check=False)
    return None


def _kind(header: Any) -> np.dtype[Any]:
    try:
        kind: np.dtype[Any] = header.get_data_dtype()
        return kind
    except KeyError as error:
        raise _unreadable(
            f"the header has the unknown data type {int(header['datatype'])}", _FIX_HEADER
        ) from error


def _check_zooms(header: Any) -> None:
    zooms = np.asarray(header["pixdim"][1:4], dtype=float)
    if not (np.isfinite(zooms).all() and (zooms > 0).all()):
        sizes = " x ".join(f"{zoom:g}" for zoom in zooms)
        raise NeuroFMError(f"the header has a voxel size of {sizes} mm", fix=_FIX_HEADER)


def check_matrix(whole: tuple[int, ...]) -> None:
    """Raise a NeuroFMError unless an image of this shape is one volume of plausible size."""
    shape = whole[:3] if len(whole) > 3 and set(whole[3:]) == {1} else whole
    if len(shape) != 3:
        raise NeuroFMError(
            f"the image has shape {_plain(whole)}, not one 3-D volume", fix="Split or average it."
        )
    if max(shape) > _MAX_AXIS or min(shape) < 10 or math.prod(map(int, shape)) > _MAX_VOXELS:
        raise NeuroFMError(
            f"a matrix of {_plain(shape)} voxels is not plausible for a T1w", fix="Check the header."
        )


def _plain(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(n) for n in shape)


def _check_length(path: Path, offset: float, shape: tuple[int, ...], kind: np.dtype[Any]) -> None:
    """Compare the length of a file with what its header promises, reading a compressed one to its end.

    nibabel stops at the last voxel, before the check sum.
    """
    if not offset <= _MAX_OFFSET:
        raise _unreadable(f"the voxel data would start at byte {offset:.0f}", _FIX_HEADER)
    promised = int(offset) + math.prod(map(int, shape)) * kind.itemsize
    length = _inflated(path, promised) if path.suffix.lower() in {".gz", ".mgz"} else path.stat().st_size
    if length < promised:
        raise _unreadable(f"it ends after {length} of {promised} bytes", _INCOMPLETE)


def _inflated(path: Path, promised: int) -> int:
    length = 0
    with gzip.open(path) as stream:
        while block := stream.read(_BLOCK):
            length += len(block)
            if length > promised + _MAX_REST:
                raise NeuroFMError("the file is much longer than its header implies", fix="Get a new copy.")
    return length
