"""Reading and checking a T1w; nothing is allocated or decompressed on the strength of its header alone."""

from __future__ import annotations

import errno
import gzip
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.bids.problems import file_problem
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.preprocess.intensity import from_zero

__all__ = ["load_t1w"]

_MAX_AXIS = 1024
_MAX_VOXELS = 2**28
_MAX_OFFSET = 2**26  # bytes before the first voxel: header and its extensions
_MAX_REST = 2**24  # bytes after the last voxel
_MAX_VALUE = 1e15  # squares of float32 values beyond overflow when they are summed
_FEW_VALUES, _MANY_VALUES = 20, 256  # at most so many in a mask; more than so many in no label map
_FLAT = 0.7  # share of equal neighbours: 0.83 to 1 in label maps, up to 0.25 in T1w
_ZOOMS_MM = (0.2, 6.0)
_MIN_EXTENT_MM = 80
_FIX_HEADER = "Fix the header."
_BLOCK = 2**20
_MIN_STEPS = 1024  # of float32 between the darkest and the brightest voxels
_GZIP = b"\x1f\x8b"
_OTHER_UNITS = {1: "metre", 3: "micrometre"}  # by their code in NIfTI
_HEADERS = (nib.Nifti1Header, nib.Nifti2Header)


def load_t1w(source: str | Path | Any) -> nib.Nifti1Image:
    """Return a checked T1w as float32 on its own voxel grid, its darkest signal at zero.

    Parameters
    ----------
    source
        Path (``.nii``, ``.nii.gz``, ``.mgz``) or nibabel image; 3-D, or 4-D with one volume.

    Returns
    -------
    image
        Intensities as :func:`neurofm_bids.preprocess.intensity.from_zero` returns them. Its affine is the
        sform if that has a code, else the qform, as nibabel decides. The header keeps codes and qform of
        the source, from which :func:`neurofm_bids.preprocess.iqm.measure_quality` tells whether they agree.

    Raises
    ------
    NeuroFMError
        The file cannot be read, or is not a plausible T1w; the message says why.
    """
    path = Path(source) if isinstance(source, str | Path) else None
    problem = None if path is None else file_problem(path)
    if problem is not None:
        raise NeuroFMError(problem[0], where=path, fix=problem[1], code=Exit.NO_INPUT)
    try:
        image: Any = source if path is None else _opened(path)
        _check_image(image)
        data = _voxels(image)
        values = _checked_values(data)
    except NeuroFMError as error:
        raise NeuroFMError(error.what, where=path, fix=error.fix) from error
    return _as_float(image, from_zero(data, values))


@contextmanager
def _named_damage() -> Iterator[None]:
    """Turn any exception raised while reading a damaged file into a NeuroFMError."""
    try:
        yield
    except (NeuroFMError, MemoryError):
        raise
    except PermissionError as error:
        raise NeuroFMError("no read permission for the image", fix="Check the permissions.") from error
    except OSError as error:
        if error.errno == errno.ENOMEM:
            raise
        if error.errno is not None:
            message = f"the image cannot be read ({error.strerror})"
            fix = "Check the disk or file server, and run the same command again."
            raise NeuroFMError(message, fix=fix) from error
        raise _damaged(" ".join(str(error).split())) from error
    except Exception as error:
        message = " ".join(str(error).split()) or type(error).__name__
        raise _damaged(message) from error


def _damaged(message: str) -> NeuroFMError:
    return NeuroFMError(f"the image cannot be read ({message})", fix="The file is damaged: get a new copy.")


def _opened(path: Path) -> Any:
    """Open an image after checking its header and length."""
    with _named_damage():
        _check_compression(path)
        header = _raw_header(path)
        if header is not None:
            _check_matrix(header.get_data_shape())
            _check_zooms(header)
            offset = max(float(header["vox_offset"]), header.sizeof_hdr)
            _check_length(path, offset, header.get_data_shape(), _kind(header))
        image: Any = nib.load(path)
        if header is None and isinstance(image, nib.Nifti1Pair):
            raise _damaged("the header does not begin with its size")
        if header is None and path.suffix.lower() in {".mgz", ".mgh"}:
            _check_matrix(image.shape)
            _check_length(path, image.dataobj.offset, image.shape, image.get_data_dtype())
    return image


def _check_compression(path: Path) -> None:
    """Raise if a NIfTI file is compressed and its name does not say so, or the reverse."""
    with path.open("rb") as stream:
        start = stream.read(4)
    name = path.name.lower()
    if name.endswith(".nii") and start.startswith(_GZIP):
        raise NeuroFMError("the file is named .nii but compressed (gzip)", fix="Rename it to .nii.gz.")
    sizes = {kind.sizeof_hdr.to_bytes(4, order) for kind in _HEADERS for order in ("little", "big")}
    if name.endswith(".nii.gz") and start in sizes:
        raise NeuroFMError("the file is named .nii.gz but not compressed", fix="Rename it to .nii.")


def _raw_header(path: Path) -> Any:
    """Return the header of a NIfTI file as it is, before nibabel corrects it, or None."""
    if ".nii" not in path.suffixes[-2:]:
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
        raise _damaged(f"the header has the unknown data type {int(header['datatype'])}") from error


def _check_zooms(header: Any) -> None:
    zooms = np.asarray(header["pixdim"][1:4], dtype=float)
    if not (np.isfinite(zooms).all() and (zooms > 0).all()):
        sizes = " x ".join(f"{zoom:g}" for zoom in zooms)
        raise NeuroFMError(f"the header has a voxel size of {sizes} mm", fix=_FIX_HEADER)


def _check_matrix(whole: tuple[int, ...]) -> None:
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
        raise _damaged(f"the voxel data would start at byte {offset:.0f}")
    promised = int(offset) + math.prod(map(int, shape)) * kind.itemsize
    length = _inflated(path, promised) if path.suffix.lower() in {".gz", ".mgz"} else path.stat().st_size
    if length < promised:
        raise _damaged(f"it ends after {length} of {promised} bytes")


def _inflated(path: Path, promised: int) -> int:
    length = 0
    with gzip.open(path) as stream:
        while block := stream.read(_BLOCK):
            length += len(block)
            if length > promised + _MAX_REST:
                raise NeuroFMError("the file is much longer than its header implies", fix="Get a new copy.")
    return length


def _check_image(image: Any) -> None:
    if not isinstance(image, nib.spatialimages.SpatialImage):
        raise NeuroFMError("this is not a volumetric image", fix="Use a path or a nibabel image.")
    _check_matrix(image.shape)
    if image.get_data_dtype().kind not in "iufb":
        raise NeuroFMError("the voxel values are not real scalars", fix="Export a greyscale image.")
    affine = np.asarray(image.affine, dtype=float)
    sizes_mm = nib.affines.voxel_sizes(affine)
    if not np.isfinite(affine).all() or not abs(np.linalg.det(affine[:3, :3])) > 1e-6 * sizes_mm.prod():
        raise NeuroFMError("the affine of the image is singular or not finite", fix=_FIX_HEADER)
    zooms = np.round(sizes_mm, 4)
    extent = float((zooms * image.shape[:3]).min())
    if zooms.max() > _ZOOMS_MM[1] or zooms.min() < _ZOOMS_MM[0] or extent < _MIN_EXTENT_MM:
        _check_unit(image)
        sizes = "x".join(f"{z:.3g}" for z in zooms)
        raise NeuroFMError(
            f"a field of view of {extent:.0f} mm with voxels of {sizes} mm cannot hold a brain",
            fix="Check the header.",
        )


def _check_unit(image: Any) -> None:
    """Raise if the sizes of an image are not in mm, which is assumed elsewhere."""
    if not isinstance(image.header, nib.Nifti1Header):
        return
    code = int(image.header["xyzt_units"]) % 8
    if code in _OTHER_UNITS:
        raise NeuroFMError(f"the unit in the header is {_OTHER_UNITS[code]}, not mm", fix=_FIX_HEADER)


def _voxels(image: Any) -> NDArray[np.float32]:
    with _named_damage(), np.errstate(over="ignore", invalid="ignore"):
        data = np.asarray(image.dataobj, dtype=np.float32).reshape(image.shape[:3])
        if not (np.abs(data) <= _MAX_VALUE).all():
            raise _unusable(np.asarray(image.dataobj))
    low, high = float(data.min()), float(data.max())
    if low == high:
        what = "all voxels are zero" if low == 0 else "all voxels have the same value"
        raise NeuroFMError(what, fix="Check how the image was exported.")
    return data


def _checked_values(data: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the distinct values of every third voxel along each axis, in ascending order."""
    sample = data[::3, ::3, ::3]
    _check_precision(sample)
    values, counts = np.unique(sample, return_counts=True)
    if len(values) <= _MANY_VALUES:
        _check_variety(data, len(values), values[counts.argmax()])
    return values


def _check_precision(sample: NDArray[np.float32]) -> None:
    low, high = np.quantile(sample, [0.005, 0.995])  # a single extreme voxel is not an offset
    if np.spacing(np.float32(max(abs(low), abs(high)))) > (high - low) / _MIN_STEPS > 0:
        raise NeuroFMError(
            "the offset of the intensities is too large for their range",
            fix="Subtract it, and store the image anew.",
        )


def _check_variety(data: NDArray[np.float32], n_values: int, background: np.float32) -> None:
    voxels, neighbours = data[::2, ::2, :-1], data[::2, ::2, 1:]
    inside = (voxels != background) & (neighbours != background)
    equal = int(np.count_nonzero(inside & (voxels == neighbours)))
    if n_values <= _FEW_VALUES or equal / max(1, int(np.count_nonzero(inside))) > _FLAT:
        raise NeuroFMError(
            f"the image has only {n_values} distinct values: it is a mask or segmentation, not a T1w",
            fix="Check the file name.",
        )


def _unusable(data: NDArray[Any]) -> NeuroFMError:
    count = int(np.count_nonzero(~np.isfinite(data)))
    if count:
        return NeuroFMError(
            f"the image has NaN or infinite voxels ({count})", fix="Check how the image was made."
        )
    largest = float(np.abs(data).max())
    return NeuroFMError(
        f"the voxel values are too large, up to {largest:.3g}",
        fix="Check scl_slope in the header.",
    )


def _as_float(image: Any, data: NDArray[np.float32]) -> nib.Nifti1Image:
    affine = np.asarray(image.affine, dtype=float)
    loaded = nib.Nifti1Image(data, affine)
    if isinstance(image.header, nib.Nifti1Header):
        _keep_forms(image.header, loaded)
    loaded.header.set_xyzt_units("mm")
    return loaded


def _keep_forms(header: nib.Nifti1Header, loaded: nib.Nifti1Image) -> None:
    """Copy the codes and the qform; the sform is the affine that is used."""
    codes = int(header["qform_code"]), int(header["sform_code"])
    try:
        qform = np.asarray(header.get_qform(), dtype=float)
        loaded.set_qform(qform, code=codes[0], update_affine=False)
    except (ValueError, np.linalg.LinAlgError, nib.spatialimages.HeaderDataError):
        codes = 0, codes[1]  # an invalid quaternion gives no orientation
    loaded.set_sform(loaded.affine, code=codes[1] or 2 * min(codes[0], 1), update_affine=False)
