import os
import time

import pytest

from neurofm_bids.bids.bidsignore import read_bidsignore
from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.bids.filters import Selector
from neurofm_bids.bids.stored import StoredScan
from neurofm_bids.group import scan_reader
from neurofm_bids.group.entry import own_of
from neurofm_bids.group.scan_reader import ScanReader
from neurofm_bids.norms.reference import PUBLISHED
from tests.samples import write_scan

SCAN = StoredScan("01", "a", "sub-01_ses-a")
HOUR = 3_600_000_000_000


@pytest.fixture
def later(monkeypatch):
    """Let the files be an hour old."""
    monkeypatch.setattr(scan_reader, "time_ns", lambda: time.time_ns() + HOUR)


def reader(root, **options):
    out = Derivatives(root / "out", "openS")
    return ScanReader(out, Covariates(root), Selector(), read_bidsignore(root), PUBLISHED, **options)


@pytest.fixture
def root(tmp_path):
    write_scan(tmp_path / "out", SCAN.stem)
    (tmp_path / "sub-01").mkdir()
    return tmp_path


def edited(path, change=lambda text: text.replace("0", "1", 1)):
    """Change a file without its size and time of modification."""
    status = path.stat()
    path.write_text(change(path.read_text()))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_scan_is_current_until_one_of_its_files_changes(root, later):
    row = reader(root).read(SCAN)
    assert reader(root).is_current(SCAN, row)
    folder = root / "out" / "sub-01" / "ses-a" / "anat"
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == 6
    for name in names:
        path = folder / name
        content = path.read_bytes()
        path.unlink()
        assert not reader(root).is_current(SCAN, row), name
        path.write_bytes(b"")
        assert not reader(root).is_current(SCAN, row), name
        path.write_bytes(content)
        row = reader(root).read(SCAN)
        assert reader(root).is_current(SCAN, row)


@pytest.mark.parametrize("name", ["features", "predictions", "sidecar"])
def test_a_change_that_keeps_size_and_time_is_seen(root, later, name):
    row = reader(root).read(SCAN)
    edited(reader(root).out.path(SCAN, name))
    assert not reader(root).is_current(SCAN, row)


def test_new_scores_are_seen(root, later):
    row = reader(root).read(SCAN)
    reader(root).out.path(SCAN, "readouts").with_suffix(".json").write_text("{")
    assert not reader(root).is_current(SCAN, row)
    assert own_of(reader(root).read(SCAN).entry).problem.startswith("The scores of sub-01_ses-a cannot be")


def test_files_that_were_just_written_are_read_again(root):
    row = reader(root).read(SCAN)
    assert row.files == ""
    assert not reader(root).is_current(SCAN, row)


def test_a_scan_that_cannot_be_used_has_a_reason(root):
    reader(root).out.path(SCAN, "mask").unlink()
    assert "a file is missing" in reader(root).read(SCAN)


def joins(root, row, **options):
    used, own = reader(root, **options), own_of(row.entry)
    used.compare(own, row)
    return used.is_joined(own.scan, row)


def test_what_is_joined_is_compared(root, later):
    row = reader(root).read(SCAN)
    assert joins(root, row)
    assert not joins(root, row, include_failed=True)
    (root / "participants.tsv").write_text("participant_id\tage\tmoca\nsub-01\tn/a\t3\n")
    assert joins(root, row)
    (root / "participants.tsv").write_text("participant_id\tage\nsub-01\t40\n")
    assert not joins(root, row)
    assert joins(root, reader(root).read(SCAN))


def image_of(root):
    image = root / "sub-01" / "ses-a" / "anat" / "sub-01_ses-a_T1w.nii.gz"
    image.parent.mkdir(parents=True)
    image.write_bytes(b"another image")
    (root / "participants.tsv").write_text("participant_id\tage\nsub-01\t40\n")
    return image


def test_nothing_is_joined_to_a_scan_of_another_image(root, later):
    row = reader(root).read(SCAN)
    image = image_of(root)
    used = reader(root)
    used.compare(own_of(row.entry), row)
    assert used.covariates.images.is_other(own_of(row.entry).scan)
    assert joins(root, row)
    image.unlink()
    assert not joins(root, row)


def test_images_that_are_not_wanted_are_not_compared(root, later):
    image_of(root)
    (root / ".bidsignore").write_text("sub-01/\n")
    used = reader(root)
    row = used.read(SCAN)
    assert not used.covariates.images.is_other(own_of(row.entry).scan)
