import os
from dataclasses import replace

import pytest

from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.source import SourceImages
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.records.scan import Input
from neurofm_bids.storage.atomic import file_sha256
from tests.samples import scan_record


@pytest.fixture
def made_from(tmp_path):
    """Return a function that writes the image of a participant and returns the record of its scan."""

    def make(subject):
        path = tmp_path / f"sub-{subject}" / "anat" / f"sub-{subject}_T1w.nii.gz"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"image")
        source = Input(file_sha256(path), 5, path.stat().st_mtime_ns)
        record = scan_record(subject)
        return path, replace(record, provenance=replace(record.provenance, input=source))

    return make


@pytest.mark.parametrize(
    ("change", "is_other"),
    [
        (lambda path: None, False),
        (lambda path: os.utime(path, ns=(1, 1)), False),  # a copy
        (lambda path: path.write_bytes(b"other image"), True),
        (lambda path: (path.write_bytes(b"other"), os.utime(path, ns=(1, 1))), True),
        (lambda path: path.unlink(), False),
        (lambda path: (path.unlink(), path.symlink_to("gone")), False),
        (lambda path: (path.unlink(), os.mkfifo(path)), False),
    ],
)
def test_an_image_is_another_one_by_size_and_hash(made_from, tmp_path, change, is_other):
    path, record = made_from("01")
    change(path)
    images = SourceImages(tmp_path)
    images.compare(record)
    assert images.is_other(record.scan) is is_other


@pytest.mark.parametrize("changes", [{"uri": "bids:raw:sub-01/\0"}, {"uri": None}, {"uri": "bids:raw:../x"}])
def test_a_record_may_hold_any_path(tmp_path, changes):
    record, images = scan_record(), SourceImages(tmp_path)
    record = replace(record, scan=replace(record.scan, **changes))
    images.compare(record)
    assert not images.is_other(record.scan)


def test_an_image_is_hashed_only_where_its_time_differs(made_from, tmp_path, monkeypatch):
    path, record = made_from("01")
    hashed = []
    monkeypatch.setattr("neurofm_bids.records.scan.file_sha256", lambda path: hashed.append(path) or "")
    for change in (lambda: None, lambda: path.write_bytes(b"other image")):
        change()
        SourceImages(tmp_path).compare(record)
    assert hashed == []
    os.truncate(path, 5)
    SourceImages(tmp_path).compare(record)
    assert hashed == [path]


def test_nothing_is_known_of_a_scan_with_another_image(made_from, tmp_path):
    (tmp_path / "participants.tsv").write_text("participant_id\tage\nsub-01\t30\nsub-02\t40\n")
    (tmp_path / "phenotype").mkdir()
    (tmp_path / "phenotype" / "iq.tsv").write_text("participant_id\tscore\nsub-01\t1\nsub-02\t2\n")
    (path, first), (_, second) = made_from("01"), made_from("02")
    (tmp_path / "sub-01" / "sub-01_scans.tsv").write_text("filename\tx\nanat/sub-01_T1w.nii.gz\t7\n")
    path.write_bytes(b"other image")
    covariates = Covariates(tmp_path)
    assert [covariates.person_of(record).age_years for record in (first, second)] == [None, 40]
    assert set(covariates.values(first.scan).values()) <= {""}
    assert covariates.values(second.scan) == {"age": "40", "iq.score": "2"}
    warning = covariates.images.warning()
    assert "not joined to 1 of 2 scans" in warning
    assert path.name in warning


def test_a_dataset_with_other_images_only_is_refused(made_from, tmp_path):
    path, record = made_from("01")
    images = SourceImages(tmp_path)
    images.compare(record)
    assert images.warning() == ""
    path.write_bytes(b"other image")
    images.compare(record)
    with pytest.raises(NeuroFMError, match="none of the images in the dataset is the one") as caught:
        images.warning()
    assert caught.value.code == Exit.NO_INPUT


def test_an_earlier_comparison_holds_for_the_same_version_of_the_image(made_from, tmp_path, monkeypatch):
    path, record = made_from("01")
    os.utime(path, ns=(1, 1))
    hashed = []
    monkeypatch.setattr("neurofm_bids.records.scan.file_sha256", lambda path: hashed.append(path) or "")
    images = SourceImages(tmp_path)
    known = images.compare_with(record.scan, record.provenance.input)
    assert (known.is_other, hashed) == (True, [path])
    assert images.compare_with(record.scan, record.provenance.input, known) == known
    assert hashed == [path]
    os.utime(path, ns=(2, 2))
    assert images.compare_with(record.scan, record.provenance.input, known) != known
    assert hashed == [path, path]
    assert images.compare_with(record.scan, None) is None
