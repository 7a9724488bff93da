"""Invalid datasets, and files without read permission."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from neurofm_bids.bids.discovery import find_scans
from neurofm_bids.cli.main import main
from neurofm_bids.config import Config
from tests.conftest import write_dataset_files
from tests.gauntlet.datasets import DATASETS, ONE

PARAMS = [
    pytest.param(case, id=case.name, marks=pytest.mark.fault(case.what, case.expected)) for case in DATASETS
]


def with_one_empty_scan(root):
    write_dataset_files(root)
    (root / ONE).parent.mkdir(parents=True)
    (root / ONE).write_bytes(b"")
    return root


@pytest.mark.parametrize("case", PARAMS)
def test_outcome(case, tmp_path, capsys):
    root = with_one_empty_scan(tmp_path / "bids")
    case.make(root)
    options = [option.format(root=root) for option in case.options]
    code = main([str(root), str(tmp_path / "out"), "participant", *options, "-w", str(tmp_path / "work")])
    said = capsys.readouterr().err
    assert case.says in said
    assert code == case.code
    assert "Traceback" not in said
    assert not list(tmp_path.glob("out/logs/*/crash-*"))


@pytest.fixture
def unprivileged():
    """Act as a user to whom permissions apply, in a dataset which that user owns."""
    folder = Path(tempfile.mkdtemp(prefix="neurofm-gauntlet-"))
    root = with_one_empty_scan(folder / "bids")
    user = os.geteuid() or 65534
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user, -1)
    privileged = os.geteuid() == 0
    if privileged:
        os.seteuid(user)
    yield root
    for path in (*root.rglob("*"), root):
        path.chmod(0o700)
    if privileged:
        os.seteuid(0)
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("path", "what"),
    [
        pytest.param(path, what, marks=pytest.mark.fault(fault, f"refused: {what}, exit code 1"))
        for path, what, fault in (
            (ONE, "no read permission for the image", "an image without read permission"),
            ("sub-01/anat", "no read permission for the folder", "an anat folder without read permission"),
            ("sub-01", "no read permission for the folder", "a participant without read permission"),
        )
    ],
)
def test_what_may_not_be_read_is_refused(unprivileged, path, what):
    (unprivileged / ONE).write_bytes(b"something")
    (unprivileged / path).chmod(0)
    selection = find_scans(Config(bids_dir=unprivileged, out_dir=unprivileged.parent / "out"))
    (unprivileged / path).chmod(0o700)
    assert selection.scans == ()
    assert [(bad.reason, bad.fix) for bad in selection.refused] == [(what, "Check the permissions.")]
