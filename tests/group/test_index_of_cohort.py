"""With an index, the group level gives what it gives without, and reads only what has changed."""

import json
import os
import shutil
import time
from dataclasses import replace

import pytest

from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.config import Selection
from neurofm_bids.group import scan_reader
from neurofm_bids.group.cohort import collect
from neurofm_bids.group.statistics import statistics_of
from neurofm_bids.group.tables import make_tables
from neurofm_bids.records.anatomy import Anatomy, Volume
from neurofm_bids.records.flag import Flag
from neurofm_bids.records.scan import Input
from tests.group.test_readout_scores import write_scores
from tests.readouts.made import made_readout
from tests.samples import one_folder, scan_record, write_scan

HOUR = 3_600_000_000_000
OUT = "out/sub-02/anat/sub-02"
PEOPLE = "participant_id\tage\tsex\tmoca\nsub-01\t31\tF\t3\nsub-02\t{}\tM\t4\nsub-03\t89+\tM\t5\n"


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A dataset of five scans, one of them failed, whose files are an hour old."""
    monkeypatch.setattr(scan_reader, "time_ns", lambda: time.time_ns() + HOUR)
    anatomy = Anatomy({"brainstem": Volume(20000.0, (19000.0, 21000.0), 0.9)}, 2, "a" * 64)
    for number, stem in enumerate(("sub-01_ses-a", "sub-01_ses-b", "sub-02", "sub-03", "sub-04")):
        flags = (Flag("low_overlap", "Low", "serious"),) if stem == "sub-03" else ()
        write_scan(tmp_path / "out", stem, seed=number, flags=flags, anatomy=anatomy if number else None)
        (tmp_path / stem.split("_")[0]).mkdir(exist_ok=True)
    write_scores(tmp_path / "out", "02", made_readout())
    (tmp_path / "participants.tsv").write_text(PEOPLE.format(40))
    image(tmp_path, "sub-04", bytes(1000))
    (tmp_path / "sub-01" / "sub-01_sessions.tsv").write_text("session_id\tage\nses-b\t32\n")
    return tmp_path


@pytest.fixture
def read(monkeypatch):
    """The stems of the scans whose files were read."""
    stems, original = [], scan_reader.read_scan
    monkeypatch.setattr(
        scan_reader, "read_scan", lambda out, scan: stems.append(scan.stem) or original(out, scan)
    )
    return stems


def collected(root, index=None, **options):
    """Return everything that the group level makes of a cohort, as text."""
    covariates = Covariates(root)
    cohort = collect(one_folder(root / "out", covariates), index=index, **options)
    tables = make_tables(cohort, covariates, statistics_of(cohort))
    texts = {name: (table.text(), json.dumps(table.sidecar())) for name, table in tables.items()}
    return texts, cohort.missing, cohort.warnings, cohort.origins, cohort.predicted, cohort.made


def edit(path, change):
    """Change a text file; its size and time of modification stay where the size of the text does."""
    status = path.stat()
    path.write_text(change(path.read_text()))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def rewrite(path, *keys, value):
    values = json.loads(path.read_text())
    inner = values
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    path.write_text(json.dumps(values))


def image(root, subject, content):
    path = root / subject / "anat" / f"{subject}_T1w.nii.gz"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))


CHANGES = {
    "nothing": (lambda root: None, []),
    "features": (
        lambda root: edit(root / f"{OUT}_desc-openS_features.tsv", lambda t: t[:-2] + "7\n"),
        ["sub-02"],
    ),
    "damaged features": (lambda root: (root / f"{OUT}_desc-openS_features.tsv").write_text("f0"), ["sub-02"]),
    "predictions": (
        lambda root: rewrite(
            root / f"{OUT}_desc-openS_predictions.json", "Predictions", "age", "Value", value=77.5
        ),
        ["sub-02"],
    ),
    "quality": (
        lambda root: rewrite(
            root / f"{OUT}_desc-openS_predictions.json", "Quality", value={"Status": "fail", "Reasons": ["x"]}
        ),
        ["sub-02"],
    ),
    "damaged record": (
        lambda root: (root / f"{OUT}_desc-openS_predictions.json").write_text("{"),
        ["sub-02"],
    ),
    "sidecar": (lambda root: (root / f"{OUT}_desc-openS_features.json").unlink(), ["sub-02"]),
    "mask": (lambda root: (root / f"{OUT}_desc-brain_mask.nii.gz").write_bytes(b""), ["sub-02"]),
    "removed": (lambda root: shutil.rmtree(root / "out" / "sub-02"), []),
    "added": (lambda root: write_scan(root / "out", "sub-02_run-2", seed=9), ["sub-02_run-2"]),
    "scores": (lambda root: write_scores(root / "out", "03", made_readout()), ["sub-03"]),
    "damaged scores": (
        lambda root: (root / f"{OUT}_desc-openS_readouts.json").write_text("{"),
        ["sub-02"],
    ),
    "age": (lambda root: (root / "participants.tsv").write_text(PEOPLE.format(41)), ["sub-02"]),
    "covariate": (lambda root: edit(root / "participants.tsv", lambda t: t.replace("\t4\n", "\t9\n")), []),
    "session": (
        lambda root: edit(root / "sub-01" / "sub-01_sessions.tsv", lambda t: t.replace("32", "33")),
        ["sub-01_ses-b"],
    ),
    "another image": (lambda root: image(root, "sub-02", b"another"), ["sub-02"]),
    "ignored": (lambda root: (root / ".bidsignore").write_text("sub-02/\n"), []),
}


@pytest.mark.parametrize(("change", "changed"), CHANGES.values(), ids=CHANGES)
def test_a_second_run_reads_what_has_changed_and_gives_what_a_first_would(root, read, change, changed):
    index = root / "index.arrow"
    first = collected(root, index)
    assert len(read) == 5
    assert first == collected(root)
    change(root)
    read.clear()
    again = collected(root, index)
    assert list(dict.fromkeys(read)) == changed
    assert again == collected(root)
    read.clear()
    assert collected(root, index) == again
    assert set(read) <= ({"sub-02"} if changed == ["sub-02"] else set())  # what is damaged is tried again


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"\xff" * 5000])
def test_without_a_usable_index_all_scans_are_read(root, read, damage):
    index = root / "index.arrow"
    first = collected(root, index)
    index.write_bytes(damage)
    read.clear()
    assert collected(root, index) == first
    assert len(read) == 5


def test_options_that_change_what_is_kept_are_seen(root, read):
    index = root / "index.arrow"
    collected(root, index)
    read.clear()
    assert collected(root, index, include_failed=True) == collected(root, include_failed=True)
    assert len(read) == 10


def test_scans_that_are_not_selected_stay_in_the_index(root, read):
    index, chosen = root / "index.arrow", Selection(participant_label=("02",))
    collected(root, index)
    read.clear()
    assert collected(root, index, selection=chosen) == collected(root, selection=chosen)
    assert read == ["sub-02"]
    read.clear()
    collected(root, index)
    assert read == []


def test_an_image_whose_time_differs_is_hashed_once(root, monkeypatch):
    hashed, made = [], scan_record().provenance
    write_scan(root / "out", "sub-02", provenance=replace(made, input=Input("cd" * 32, 7, 2)))
    image(root, "sub-02", b"another")
    monkeypatch.setattr(
        "neurofm_bids.records.scan.file_sha256", lambda path: hashed.append(path.name) or "cd" * 32
    )
    for _ in range(3):
        collected(root, root / "index.arrow")
    assert hashed == ["sub-02_T1w.nii.gz"]
