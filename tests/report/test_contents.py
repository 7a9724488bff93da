import dataclasses

import pytest

from neurofm_bids.bids.demographics import Person
from neurofm_bids.report.contents import Measured, ScanReport
from tests.samples import scan_record


def test_what_is_not_there_is_empty():
    scan = ScanReport(scan_record(), Person(), {})
    assert (scan.centiles, scan.profile) == ((), None)
    assert (dict(scan.curves), dict(scan.measured)) == ({}, {})


def test_contents_do_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Measured(1.0).mm3 = 2.0
