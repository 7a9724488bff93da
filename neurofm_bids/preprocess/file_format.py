"""What the file of an image is, from its first bytes and its name."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import nibabel as nib

from neurofm_bids.errors import NeuroFMError

__all__ = ["check_format"]

_LOOK = 2**12  # bytes
_GZIP = b"\x1f\x8b"
_EXTENSIONS = {".nii": ".nii.gz", ".mgh": ".mgz"}  # of images as they are, and compressed
_PLAIN = {compressed: plain for plain, compressed in _EXTENSIONS.items()}
_KINDS = {".nii": "a NIfTI image", ".mgh": "an MGH image"}
_HEADERS = (nib.Nifti1Header, nib.Nifti2Header)
_SIZES = {kind.sizeof_hdr.to_bytes(4, order) for kind in _HEADERS for order in ("little", "big")}
_MGH_HEADER = struct.Struct(">6i")  # version, width, height, depth, frames, data type
_MGH_TYPES = range(11)
_CONVERT = "Convert it to NIfTI."
_GET = "Check how the file was made, or get a new copy."

# What a compressed file begins with: what compressed it, and what decompresses it.
_COMPRESSIONS = {
    _GZIP: ("gzip", "gunzip"),
    b"BZh": ("bzip2", "bunzip2"),
    b"PK\x03\x04": ("zip", "unzip"),
    b"\xfd7zXZ\0": ("xz", "unxz"),
    b"\x28\xb5\x2f\xfd": ("zstd", "unzstd"),
    b"\x04\x22\x4d\x18": ("lz4", "unlz4"),
    b"7z\xbc\xaf\x27\x1c": ("7-Zip", "7z x"),
    b"\x1f\x9d": ("compress", "uncompress"),
}
# Offset and content of a mark in other files: what they are, and what to do.
_OTHERS = {
    (128, b"DICM"): ("a DICOM file", "Convert the series to NIfTI, for example with dcm2niix."),
    (0, b"NRRD0"): ("an NRRD image", _CONVERT),
    (0, b"CDF"): ("a netCDF file (such as MINC)", _CONVERT),
    (0, b"\x89HDF\r\n"): ("an HDF5 file (such as MINC)", _CONVERT),
    (257, b"ustar"): ("a tar archive", "Extract the image."),
}
_HTML = (b"<html", b"<!doctype html")


def check_format(path: Path) -> None:
    """Raise unless a file begins as its name says; damage further on is not looked for.

    Parameters
    ----------
    path
        File of a NIfTI (``.nii``, ``.nii.gz``) or MGH image (``.mgh``, ``.mgz``).

    Raises
    ------
    NeuroFMError
        The name has another extension, or the file begins as one of another format or compression, which
        the message names where it is known.
    """
    extension = _extension(path)
    with path.open("rb") as stream:
        start = stream.read(_LOOK)
    is_gzip = start.startswith(_GZIP)
    content = _decompressed(start) if is_gzip else start
    _check_compression(extension, content, is_gzip)
    kind = _kind(content)
    plain = _PLAIN.get(extension, extension)
    if kind in _EXTENSIONS and (kind, is_gzip) != (plain, extension in _PLAIN):
        right = _EXTENSIONS[kind] if is_gzip else kind
        then = ", and convert it to NIfTI" if (kind, plain) == (".mgh", ".nii") else ""
        raise NeuroFMError(
            f"the file is named {extension} but {_described(kind, plain, is_gzip)}",
            fix=f"Rename it to {right}{then}.",
        )
    if kind in _EXTENSIONS or (is_gzip and not content):
        return
    what, fix = _other(content)
    raise NeuroFMError(f"the file is named {extension} but is {what or f'not {_KINDS[plain]}'}", fix=fix)


def _extension(path: Path) -> str:
    known = (*_PLAIN, *_EXTENSIONS)
    extension = next((known for known in known if path.name.endswith((known, known.upper()))), None)
    if extension is None:
        raise NeuroFMError(
            f"the extension of the image is none of {', '.join(sorted(known))}",
            fix="Convert the image to .nii.gz.",
        )
    return extension


def _decompressed(start: bytes) -> bytes:
    """Return the beginning of what gzip compressed; empty if it cannot be decompressed."""
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(start, _LOOK)
    except zlib.error:
        return b""


def _check_compression(extension: str, content: bytes, is_gzip: bool) -> None:
    """Raise if a file is compressed otherwise than once with gzip."""
    method, tool = next((how for mark, how in _COMPRESSIONS.items() if content.startswith(mark)), ("", ""))
    if not method:
        return
    if not is_gzip:
        raise NeuroFMError(
            f"the file is named {extension} but compressed ({method})",
            fix=f"Decompress it with {tool}, and compress the image with gzip.",
        )
    again = "" if method == "gzip" else f" and {tool}, and compress the image with gzip"
    raise NeuroFMError(
        f"the file is compressed twice ({method}, gzip)", fix=f"Decompress it with gunzip{again}."
    )


def _kind(content: bytes) -> str:
    """Return the extension of an uncompressed image that begins like this; empty if it is no such image."""
    if content[:4] in _SIZES:
        return ".nii"
    if len(content) < _MGH_HEADER.size:
        return ""
    version, *shape, data_type = _MGH_HEADER.unpack_from(content)
    return ".mgh" if version == 1 and min(shape) > 0 and data_type in _MGH_TYPES else ""


def _described(kind: str, plain: str, is_gzip: bool) -> str:
    if kind != plain:
        return f"is {_KINDS[kind]}"
    return "compressed (gzip)" if is_gzip else "not compressed"


def _other(content: bytes) -> tuple[str, str]:
    """Return what a file of another format is, empty if it is not known, and what to do."""
    if content.lstrip()[:20].lower().startswith(_HTML):
        return "an HTML page", "Download the image again."
    marked = (other for (at, mark), other in _OTHERS.items() if content[at : at + len(mark)] == mark)
    return next(marked, ("", _GET))
