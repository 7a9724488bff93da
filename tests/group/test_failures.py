"""Scans of several output folders that failed or wait, and participants that are named and have no scan."""

import os

import pytest

from neurofm_bids.bids.filters import selector
from neurofm_bids.bids.stored import StoredScan
from neurofm_bids.config import Selection
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.group.cohort import collect
from neurofm_bids.group.failures import expected_scans
from neurofm_bids.group.inputs import sources_of
from neurofm_bids.named_path import NamedPath
from tests.group.folders import write_dataset, write_folder, write_shards, write_sites
from tests.samples import scan_record


def write_image(bids, stem):
    """Write the image that the record of a scan says was processed."""
    path, source = bids / stem.split("_")[0] / "anat" / f"{stem}_T1w.nii.gz", scan_record().provenance.input
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(source.size))
    os.utime(path, ns=(source.modified, source.modified))
    return path.relative_to(bids).as_posix()


def fail(out, bids, stem):
    """List a scan as failed in the latest run of an output folder."""
    log = out / "logs" / "2026-a"
    log.mkdir(parents=True)
    (log / "failed.tsv").write_text(f"scan\tstep\treason\tfix\n{write_image(bids, stem)}\tload\tbroken\t\n")


def wait(out, bids, stem):
    """Leave a scan to the stage of encoding."""
    write_image(bids, stem)
    (out / "interim" / stem).mkdir(parents=True)
    (out / "interim" / stem / "signature.json").write_text("{}")


def missing(tmp_path, bids, *inputs, labels=()):
    sources = sources_of(tmp_path / "out", "openS", bids, inputs)
    cohort = collect(sources, Selection(participant_label=labels))
    return {item.stem: item.reason for item in cohort.missing}


def test_scans_that_failed_or_wait_are_expected_with_reasons_and_their_folders(tmp_path):
    bids, one, two = write_shards(tmp_path)
    fail(one, bids, "sub-01_run-2")
    wait(two, bids, "sub-02")
    wait(two, bids, "sub-04")
    sources = sources_of(tmp_path / "out", "openS", bids, (NamedPath("", one), NamedPath("", two)))
    assert expected_scans(sources, selector(Selection(participant_label=("01", "02")))) == {
        StoredScan("01", None, "sub-01_run-2", source="../out_1"): "failed in load: broken",
        StoredScan("02", None, "sub-02", source="../out_2"): "preprocessed, and not encoded yet. Run the "
        "participant level with --stage encode",
    }


@pytest.mark.parametrize("leave", [fail, wait])
def test_a_scan_without_outputs_is_not_taken_for_that_of_another_dataset(tmp_path, leave):
    north, south, one, _ = write_sites(tmp_path)
    two = write_folder(tmp_path / "out_f", south)
    leave(two, south, "sub-01")
    with pytest.raises(NeuroFMError, match=r"1 participants of different datasets .* label \(sub-01\)"):
        missing(tmp_path, north, NamedPath("", one), NamedPath("", two))
    assert [*missing(tmp_path, north, NamedPath("", one), NamedPath("s", two))] == ["sub-s01"]


@pytest.mark.parametrize("leave", [fail, wait])
def test_a_scan_that_another_folder_of_the_dataset_has_is_not_missing(tmp_path, leave):
    bids, one, two = write_shards(tmp_path)
    leave(two, bids, "sub-01")
    assert missing(tmp_path, bids, NamedPath("", one), NamedPath("", two)) == {}
    leave(one, bids, "sub-02_run-2")
    assert [*missing(tmp_path, bids, NamedPath("", one), NamedPath("", two))] == ["sub-02_run-2"]


@pytest.mark.parametrize("labels", [("101", "01"), ("01", "101")])
def test_a_name_and_a_label_are_not_taken_for_a_longer_label(tmp_path, labels):
    north = write_dataset(tmp_path / "north", "01", "02")
    south = write_dataset(tmp_path / "south", "01")
    (north / "sub-101").mkdir()
    one = write_folder(tmp_path / "out_n", north, "sub-02")
    two = write_folder(tmp_path / "out_s", south, "sub-01")
    assert missing(tmp_path, north, NamedPath("", one), NamedPath("1", two), labels=labels) == {
        "sub-101": "no scan of this participant is selected"
    }
