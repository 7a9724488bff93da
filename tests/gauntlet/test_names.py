"""Names of images, and what is processed where there are several, from the plan of a run."""

import json
from pathlib import Path

import pytest

from neurofm_bids.bids.discovery import find_scans
from neurofm_bids.config import Config, Selection
from tests.conftest import write_dataset_files
from tests.gauntlet.name_cases import NAMES


def place(name):
    """Return the path of a file in the dataset."""
    return Path("sub-01", name if "/" in name else f"anat/sub-01_{name}")


def rows(root, filters):
    """Return what becomes of each path, and why."""
    path = None
    if filters:
        path = root.parent / "filters.json"
        path.write_text(json.dumps({"t1w": filters}))
    found = find_scans(Config(root, root.parent / "out", selection=Selection(bids_filter_file=path)))
    others = {"refused": found.refused, "skipped": found.skipped}
    return {str(scan.relative): ("processed", "") for scan in found.scans} | {
        bad.where: (outcome, bad.reason) for outcome, listed in others.items() for bad in listed
    }


@pytest.mark.parametrize(
    "case", [pytest.param(c, marks=pytest.mark.fault(c.what, c.expected)) for c in NAMES]
)
def test_outcome(case, tmp_path):
    root = write_dataset_files(tmp_path / "bids")
    (root / "sub-02").symlink_to("sub-02")  # refused in any case: something is selected
    for path in map(place, (case.name, *case.beside)):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x" * 2000)
    (root / ".bidsignore").write_text(f"# not BIDS\n\n{case.bidsignore}\n")
    listed = case.listed or case.name
    wanted = {"sub-01": "sub-01", "ses-b": "sub-01/ses-b"}.get(listed) or str(place(listed))
    outcome, reason = rows(root, case.filters).get(wanted, ("not listed", ""))
    assert outcome == case.outcome
    assert outcome == "processed" or case.says in reason
