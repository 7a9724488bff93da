"""One run of the command over every bad scan of the table, beside good ones."""

import json

import pytest

from neurofm_bids.bids.entities import scan_stem
from neurofm_bids.cli.main import main
from tests.conftest import write_dataset_files
from tests.gauntlet.case import params
from tests.gauntlet.file_cases import FILES, SIDECARS
from tests.gauntlet.scan_cases import CONTENT, DAMAGED, GEOMETRY
from tests.tables import failed_rows

CASES = (*DAMAGED, *GEOMETRY, *CONTENT, *FILES, *SIDECARS)
RUNS = ["quick", pytest.param("slow", marks=pytest.mark.slow)]

DONE = {"centiles.json", "centiles.tsv", "features.tsv", "features.json", "predictions.json"}

pytestmark = [pytest.mark.timeout(1800), pytest.mark.slow]  # one run of many scans


def contents(root):
    """Everything under a folder: names, kinds, sizes and times of change."""
    found = {}
    for path in root.rglob("*"):
        status = path.lstat()
        found[path] = (status.st_mode, status.st_size, status.st_mtime_ns)
    return found


class Ran:
    """What the run left."""

    def __init__(self, folder, cases, brain):
        self.cases = cases
        self.root, self.out = write_dataset_files(folder / "bids"), folder / "out"
        for case in cases:
            path = self.root / f"sub-{case.name}" / "anat" / f"sub-{case.name}_T1w.nii.gz"
            path.parent.mkdir(parents=True)
            case.make(path, brain)
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
        self.failed = failed_rows(self.out)
        return self

    def outputs(self, scan):
        """The outputs of one scan by their last name."""
        stem = scan_stem(scan.rsplit("/", 1)[1])
        folder = (self.out / scan).parent
        return {path.name.rsplit("_", 1)[1]: path for path in folder.glob(f"{stem}_desc-openS_*")}

    def flags(self, scan):
        record = json.loads(self.outputs(scan)["predictions.json"].read_text())
        return {flag["Name"]: flag["Severity"] for flag in record["Flags"]}


@pytest.fixture(scope="module")
def quick(tmp_path_factory, brain_image):
    cases = [case for case in CASES if not case.slow]
    return Ran(tmp_path_factory.mktemp("quick"), cases, brain_image).start()


@pytest.fixture(scope="module")
def slow(tmp_path_factory, brain_image):
    cases = [case for case in CASES if case.slow]
    return Ran(tmp_path_factory.mktemp("slow"), cases, brain_image).start()


@pytest.fixture
def ran(request):
    """The run that a test is about: of its case, or named by its parameter."""
    case = request.node.callspec.params.get("case")
    name = request.node.callspec.params.get("name") or ("slow" if case.slow else "quick")
    return request.getfixturevalue(name)


@pytest.mark.parametrize("case", params(CASES))
def test_outcome(case, ran):
    if case.outcome == "refused":
        assert case.says in ran.failed[case.path]["reason"]
        assert ran.failed[case.path]["fix"]
        assert ran.outputs(case.path) == {}
        return
    assert case.path not in ran.failed
    assert set(ran.outputs(case.path)) == DONE
    flags = ran.flags(case.path)
    if case.outcome == "flagged":
        assert case.says in flags
    else:
        assert "serious" not in flags.values()


@pytest.mark.parametrize("name", RUNS)
def test_the_run_ends_with_its_code(name, ran):
    assert ran.code == max(case.code for case in ran.cases)


@pytest.mark.parametrize("name", RUNS)
def test_no_failure_was_unforeseen(name, ran):
    assert [path.read_text() for path in ran.out.glob("logs/*/crash-*.txt")] == []
    assert [row for row in ran.failed.values() if "report this" in row["fix"]] == []


@pytest.mark.parametrize("name", RUNS)
def test_only_the_bad_scans_failed(name, ran):
    also = {"sub-twin/anat/sub-twin_T1w.nii"}
    assert set(ran.failed) - also == {case.path for case in ran.cases if case.outcome == "refused"}


@pytest.mark.parametrize("name", RUNS)
def test_the_dataset_is_as_it_was(name, ran):
    assert contents(ran.root) == ran.before


@pytest.mark.parametrize("name", RUNS)
def test_nothing_is_written_beside_the_outputs(name, ran):
    assert {path.name for path in ran.out.parent.iterdir()} == {"bids", "out", "work"}
