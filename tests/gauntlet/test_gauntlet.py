"""One run of the command over every bad scan of the table, beside good ones."""

import csv
import json

import pytest

from neurofm_bids.cli import main
from tests.conftest import write_dataset_files
from tests.gauntlet.case import params
from tests.gauntlet.file_cases import FILES, SIDECARS
from tests.gauntlet.scan_cases import CONTENT, DAMAGED, GEOMETRY

CASES = (*DAMAGED, *GEOMETRY, *CONTENT, *FILES, *SIDECARS)

DONE = ("features.tsv", "features.json", "predictions.json")


def contents(root):
    """Everything under a folder: names, kinds, sizes and times of change."""
    found = {}
    for path in root.rglob("*"):
        status = path.lstat()
        found[path] = (status.st_mode, status.st_size, status.st_mtime_ns)
    return found


class Ran:
    """What the run left."""

    def __init__(self, root, out):
        for case in CASES:
            path = root / f"sub-{case.name}" / "anat" / f"sub-{case.name}_T1w.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
        self.root, self.out = root, out

    def fill(self, brain):
        for case in CASES:
            case.make(self.root / f"sub-{case.name}" / "anat" / f"sub-{case.name}_T1w.nii.gz", brain)
        self.before = contents(self.root)

    def start(self):
        options = (
            "participant",
            "--views",
            "1",
            "--nprocs",
            "2",
            "--bias-correction",
            "none",
            "-w",
            str(self.out.parent / "work"),
        )
        self.code = main([str(self.root), str(self.out), *options])
        with next(self.out.glob("logs/*/failed.tsv")).open(newline="") as stream:
            self.failed = {row["scan"]: row for row in csv.DictReader(stream, delimiter="\t")}

    def outputs(self, scan):
        """The outputs of one scan by their last name."""
        stem = scan.rsplit("/", 1)[1].split(".")[0].removesuffix("_T1w")
        folder = (self.out / scan).parent
        return {path.name.rsplit("_", 1)[1]: path for path in folder.glob(f"{stem}_desc-openS_*")}

    def flags(self, scan):
        record = json.loads(self.outputs(scan)["predictions.json"].read_text())
        return {flag["Name"]: flag["Severity"] for flag in record["Flags"]}


@pytest.fixture(scope="module")
def ran(tmp_path_factory, brain_image):
    folder = tmp_path_factory.mktemp("gauntlet")
    run = Ran(write_dataset_files(folder / "bids"), folder / "out")
    run.fill(brain_image)
    run.start()
    return run


@pytest.mark.parametrize("case", params(CASES))
def test_outcome(case, ran):
    outputs = ran.outputs(case.path)
    if case.outcome == "refused":
        row = ran.failed[case.path]
        assert case.says in row["reason"]
        assert row["fix"]
        assert outputs == {}
        return
    assert case.path not in ran.failed
    assert set(outputs) == set(DONE)
    flags = ran.flags(case.path)
    if case.outcome == "flagged":
        assert case.says in flags
    else:
        assert "serious" not in flags.values()


def test_the_run_ends_with_the_code_for_failed_scans(ran):
    assert ran.code == max(case.code for case in CASES) == 1


def test_no_failure_was_unforeseen(ran):
    assert [path.read_text() for path in ran.out.glob("logs/*/crash-*.txt")] == []
    assert [row for row in ran.failed.values() if "report this" in row["fix"]] == []


def test_only_the_bad_scans_failed(ran):
    also = {"sub-twin/anat/sub-twin_T1w.nii"}
    assert set(ran.failed) - also == {case.path for case in CASES if case.outcome == "refused"}


def test_the_dataset_is_as_it_was(ran):
    assert contents(ran.root) == ran.before


def test_nothing_is_written_beside_the_outputs(ran):
    assert {path.name for path in ran.out.parent.iterdir()} == {"bids", "out", "work"}
