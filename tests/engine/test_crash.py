"""The text of a crash file."""

import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.config import Config
from neurofm_bids.engine.crash import crash_text

SCAN = "sub-01/anat/sub-01_T1w.nii.gz"


@pytest.fixture
def config(tmp_path):
    return Config(tmp_path, Path("/out"), command="neurofm in out participant --api-key xyzzy")


def test_it_holds_what_a_developer_needs(config, tmp_path):
    path = tmp_path / SCAN
    path.parent.mkdir(parents=True)
    image = nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.diag([1, 1, 2.5, 1]))
    image.header["descrip"] = "Doe, Jane 1970-01-01"
    nib.save(image, path)
    text = crash_text(config, SCAN, "registration", "KeyError: 'x'", "Traceback\n  all of it\n")
    for part in (
        "Fault: registration: KeyError: 'x'",
        "Command: neurofm in out participant",
        f"Scan: {SCAN}",
        f"{path.stat().st_size} bytes, shape (4, 5, 6), int16, voxels of 1x1x2.5 mm",
        "skull_strip=auto",
        f"Folders: work work, temporary {tempfile.gettempdir()}\n",
        "torch ",
        "Python: 3.",
        "processors",
        "Traceback\n  all of it\n",
    ):
        assert part in text
    assert "Doe" not in text


@pytest.mark.parametrize(
    ("secret", "kept"),
    [
        ("hf_abcdefghijkl", ""),
        ("HF_TOKEN=xyzzy", "HF_TOKEN="),
        ("{'token': 'xyzzy'}", "'token': '"),
        ("Authorization: Bearer xyzzy", "Bearer "),
        ("https://user:xyzzy@host/path", "@host/path"),
        ("--api-key xyzzy", "--api-key "),
        ('api_key: "xyzzy"', 'api_key: "'),
        ("AWS_SECRET_ACCESS_KEY=xyzzy", "AWS_SECRET_ACCESS_KEY="),
    ],
)
def test_secrets_are_masked(config, secret, kept):
    text = crash_text(config, "", "run", secret, secret)
    assert "xyzzy" not in text
    assert "hf_abc" not in text
    assert f"{kept}***" in text or f"***{kept}" in text
    assert "Scan: none" in text


def test_it_can_be_made_without_a_temporary_folder(config, no_temporary_folder):
    assert ", temporary none\n" in crash_text(config, "", "run", "", "")


@pytest.mark.parametrize("content", [None, b"no image"])
def test_a_header_that_cannot_be_read_is_told(config, tmp_path, content):
    if content:
        (tmp_path / "broken_T1w.nii.gz").write_bytes(content)
    assert "the header cannot be read (" in crash_text(config, "broken_T1w.nii.gz", "run", "", "")
