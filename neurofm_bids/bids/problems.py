"""Problems with the name of an image and with access to it."""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path

from neurofm_bids.bids.names import T1W, t1w_stem

__all__ = ["Problem", "file_problem", "folder_problem", "name_problem"]

Problem = tuple[str, str]  # what is wrong, what to do

_NAME = re.compile(rf"sub-[A-Za-z0-9+]+(?:_[a-z]+-[A-Za-z0-9+]+)*_{T1W.pattern}")
_RENAME = (
    "Rename it to sub-<label>[_ses-<label>][_<entity>-<label>]_T1w.nii.gz; labels are letters, digits and +."
)
_DERIVED = ("space", "res", "den", "desc", "label", "from", "to", "mode")
_LONGEST = 160  # of an input's name, before _T1w: names of outputs are up to 90 longer, of 255
_ANNEX = "/annex/objects/"
_LFS = b"version https://git-lfs.github.com/"
_CHECK = "Check the dataset."


def name_problem(path: Path, bids_dir: Path) -> Problem | None:
    """Return what is wrong with the name of a T1w image, or None.

    Output files and folders are named after its labels, so names from which they cannot be made safely are
    refused.
    """
    if not _NAME.fullmatch(path.name):
        return "the file name is not valid in BIDS", _RENAME
    stem = t1w_stem(path.name)
    keys, labels = zip(*(part.split("-") for part in stem.split("_")), strict=True)
    derived = [key for key in _DERIVED if key in keys]
    if derived:
        return f"the file name has {derived[0]}-, which only derivatives have", _RENAME
    if len(set(keys)) < len(keys):
        return "the file name has an entity twice", _RENAME
    if len(stem) > _LONGEST:
        return f"the file name is too long: {len(stem)} characters before _T1w", f"Use at most {_LONGEST}."
    known = dict(zip(keys, labels, strict=True))
    folders = [f"{key}-{known[key]}" for key in ("sub", "ses") if key in known]
    if path.parent != bids_dir.joinpath(*folders, "anat"):
        return (
            "the file name does not match its folder",
            f"Move it to {'/'.join([*folders, 'anat'])}, or rename it.",
        )
    return None


def file_problem(path: Path) -> Problem | None:
    """Return why an image cannot be opened, or None; only short regular files are read."""
    try:
        status = path.stat()
    except OSError as error:
        return _access_problem(path, error)
    if not stat.S_ISREG(status.st_mode):
        return "this is not a regular file", _CHECK
    if status.st_size == 0:
        return "the file is empty", "Copy the image again."
    if not os.access(path, os.R_OK):
        return "no read permission for the image", "Check the permissions."
    return _pointer(path) if status.st_size < 1024 else None


def folder_problem(path: Path) -> Problem | None:
    """Return why a folder cannot be listed, or None."""
    try:
        with os.scandir(path):
            return None
    except NotADirectoryError:
        return None  # reported as a file if it is an image
    except OSError as error:
        return _access_problem(path, error)


def _access_problem(path: Path, error: OSError) -> Problem:
    if error.errno == errno.ELOOP:
        return "the symbolic link is circular", _CHECK
    if isinstance(error, PermissionError):
        what = "folder" if path.is_dir() else "image"
        return f"no read permission for the {what}", "Check the permissions."
    if not isinstance(error, FileNotFoundError):
        return f"file system error: {error.strerror}", _CHECK
    if _ANNEX in os.path.realpath(path):
        return "the image has not been downloaded", f"Run: datalad get {path}"
    return (
        "the symbolic link is broken",
        "Check the dataset; in a container, also bind the target of the link.",
    )


def _pointer(path: Path) -> Problem | None:
    try:
        content = path.read_bytes()
    except OSError as error:
        return _access_problem(path, error)
    if _ANNEX.encode() in content:
        return "the image has not been downloaded", f"Run: datalad get {path}"
    if content.startswith(_LFS):
        return "the image has not been downloaded", f"Run: git lfs pull --include {path.name}"
    return None
