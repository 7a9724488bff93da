import os
from dataclasses import replace

import pytest

from neurofm_bids.bids.stored import StoredScan
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.group import scan_processes
from neurofm_bids.group.scan_processes import read_all
from tests.group.test_scan_reader import reader
from tests.samples import write_scan


@pytest.fixture
def scans(tmp_path, monkeypatch):
    monkeypatch.setattr(scan_processes, "FEW", 2)
    for number in range(4):
        write_scan(tmp_path / "out", f"sub-{number}", seed=number)
        (tmp_path / f"sub-{number}").mkdir()
    (tmp_path / "out" / "sub-1" / "anat" / "sub-1_desc-brain_mask.nii.gz").unlink()
    (tmp_path / "participants.tsv").write_text("participant_id\tage\nsub-2\t40\nsub-3\t89+\n")
    return [StoredScan(str(number), None, f"sub-{number}") for number in range(4)]


def test_several_processes_read_what_one_reads(tmp_path, scans):
    one, several = (list(read_all({"": reader(tmp_path)}, scans, processes)) for processes in (1, 2))
    assert [type(row).__name__ for row in one] == ["Row", "str", "Row", "Row"]
    for row, other in zip(one, several, strict=True):
        is_reason = isinstance(row, str)
        assert other == row if is_reason else replace(other, files="") == replace(row, files="")


class Dies:
    """A selector that ends its process."""

    def __call__(self, subject, name):
        os._exit(1)


def test_a_killed_process_is_an_error(tmp_path, scans):
    with pytest.raises(NeuroFMError, match="a process that read scans was killed"):
        list(read_all({"": replace(reader(tmp_path), selector=Dies())}, scans, 2))
