"""Problems with the name of an image and with access to it."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from neurofm_bids.bids.entities import EXTENSIONS, SUFFIXES, ending, scan_stem

__all__ = [
    "NOT_LAST",
    "Problem",
    "access_problem",
    "fetch_problem",
    "file_problem",
    "folder_problem",
    "name_problem",
    "option_problem",
]

Problem = tuple[str, str]  # what is wrong, what to do

NOT_LAST: Problem = (
    "the file name has more than an extension after T1w or UNIT1, which BIDS does not allow",
    "To process it, rename it so that the suffix comes last, such as sub-<label>_rec-<label>_T1w.nii.gz; "
    "otherwise add it to .bidsignore.",
)

_NAME = re.compile(r"sub-[A-Za-z0-9+]+(?:_[a-z]+-[A-Za-z0-9+]+)*_(T1w|UNIT1)\.nii(\.gz)?")
_RENAME = (
    "Rename it to sub-<label>[_ses-<label>][_<entity>-<label>]_T1w.nii.gz; labels are letters, digits and +."
)
_DERIVED = ("space", "res", "den", "desc", "label", "from", "to", "mode")
_LONGEST = 160  # of an input's name, before _T1w: names of outputs are up to 90 longer, of 255
_ANNEX = b"/annex/objects/"
_LFS = b"version https://git-lfs.github.com/"
_POINTER = 1024  # bytes, which no pointer reaches
_CHECK = "Check the dataset."


def name_problem(path: Path, bids_dir: Path) -> Problem | None:
    """Return what is wrong with the name of a T1w image, or None.

    Output files and folders are named after its labels, so names from which they cannot be made safely are
    refused.
    """
    if not _NAME.fullmatch(path.name):
        return _ending_problem(path.name) or ("the file name is not valid in BIDS", _RENAME)
    stem = scan_stem(path.name)
    keys, labels = zip(*(part.split("-") for part in stem.split("_")), strict=True)
    derived = [key for key in _DERIVED if key in keys]
    if derived:
        return f"the file name has {derived[0]}-, which only derivatives have", _RENAME
    if len(set(keys)) < len(keys):
        return "the file name has an entity twice", _RENAME
    if len(stem) > _LONGEST:
        return f"the file name is too long: {len(stem)} characters before _T1w", f"Use at most {_LONGEST}."
    known = dict(zip(keys, labels, strict=True))
    return _place_problem(path, bids_dir, [f"{key}-{known[key]}" for key in ("sub", "ses") if key in known])


def _place_problem(path: Path, bids_dir: Path, folders: Sequence[str]) -> Problem | None:
    """Return what is wrong with the folder of an image of a participant and session, or None."""
    place, folder = bids_dir.joinpath(*folders), path.parent
    if folder == place / "anat":
        return None
    move = f"Move it to {'/'.join([*folders, 'anat'])}"
    if folder.parent == place and folder.name.lower() == "anat":
        return f"the folder is {folder.name}, not anat", "Rename the folder to anat."
    if folder.name != "anat":
        return "the image is not in a folder anat", f"{move}."
    return "the file name does not match its folder", f"{move}, or rename it."


def _ending_problem(name: str) -> Problem | None:
    """Return what is wrong with suffix and extension."""
    suffix, extension = ending(name)
    known = {known.lower(): known for known in SUFFIXES}.get(suffix.lower(), suffix)
    if suffix != known:
        return f"the suffix is {suffix}, not {known}", f"Rename it to end in _{known}.nii.gz."
    if not extension or extension in EXTENSIONS:
        return None
    if extension.lower() in EXTENSIONS:
        return f"the extension is {extension}, not {extension.lower()}", "Rename it."
    return f"the extension is {extension}, which BIDS does not allow", "Convert it to .nii.gz."


def file_problem(path: Path, what: str = "image") -> Problem | None:
    """Return why a file cannot be opened, or None; only short regular files are read.

    Parameters
    ----------
    what
        What the file is, for the message.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return "this is not a regular file", _CHECK
        if status.st_size == 0:
            return "the file is empty", f"Copy the {what} again."
        if not os.access(path, os.R_OK):
            return f"no read permission for the {what}", "Check the permissions."
        return fetch_problem(path, f"the {what} ")
    except OSError as error:
        return access_problem(path, error, what)


def folder_problem(path: Path) -> Problem | None:
    """Return why a folder cannot be listed, or None."""
    try:
        with os.scandir(path):
            return None
    except NotADirectoryError:
        return None  # reported as a file if it is an image
    except OSError as error:
        return access_problem(path, error, "image")


def option_problem(path: Path, error: Exception, what: str, flag: str, fix: str) -> Problem:
    """Return why a file that an option names cannot be used, after an attempt to read it.

    Parameters
    ----------
    error
        What the attempt raised.
    what, flag
        What the file is, and the option.
    fix
        What to do if its content is wrong.
    """
    with suppress(OSError):
        if unfetched := fetch_problem(path, f"the {what} "):
            return unfetched
    if not isinstance(error, FileNotFoundError):
        return f"the {what} cannot be read ({error})", fix
    if path.is_symlink():
        return f"the {what} is a broken symbolic link", f"Check {flag}."
    return f"{what} not found", f"Check {flag}."


def access_problem(path: Path, error: OSError, what: str) -> Problem:
    """Return why a file or folder cannot be read, after an attempt that failed.

    Parameters
    ----------
    error
        What the attempt raised.
    what
        What the file is, for the message.
    """
    if error.errno == errno.ELOOP:
        return "the symbolic link is circular", _CHECK
    if isinstance(error, PermissionError):
        kind = "folder" if os.path.isdir(path) else what  # noqa: PTH112 -- raises nothing
        return f"no read permission for the {kind}", "Check the permissions."
    if not isinstance(error, FileNotFoundError):
        return f"file system error: {error.strerror}", _CHECK
    if not path.is_symlink():
        return "file not found", "Check the path."
    return fetch_problem(path, f"the {what} ") or (
        "the symbolic link is broken",
        "Check the dataset; in a container, also bind the target of the link.",
    )


def fetch_problem(path: Path, subject: str = "") -> Problem | None:
    """Return that git-annex or git-lfs has not fetched a file, and the command that does, or None.

    Raises
    ------
    OSError
        The file is there and cannot be read.
    """
    try:
        status = path.stat()
        short = stat.S_ISREG(status.st_mode) and status.st_size < _POINTER
        content = path.read_bytes() if short else b""
    except FileNotFoundError:
        content = os.fsencode(os.path.realpath(path))
    if _ANNEX in content:
        return f"{subject}has not been downloaded", f"Run: datalad get {path}"
    if content.startswith(_LFS):
        return f"{subject}has not been downloaded", f"Run: git lfs pull --include {path.name}"
    return None
