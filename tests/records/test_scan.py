import json

import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.records.anatomy import Anatomy, Volume
from neurofm_bids.records.flag import Flag
from neurofm_bids.records.scan import Identity, ScanRecord
from tests.samples import scan_record


@pytest.mark.parametrize(
    "record",
    [
        scan_record(),
        scan_record(session="a", flags=(Flag("x", "Look", "serious"),)),
        scan_record(anatomy=Anatomy({"brain": Volume(1.2e6, (1.1e6, 1.3e6), 0.9)}, 2, "ab" * 32)),
        scan_record(scan=Identity(), acquisition={}, predictions={}, image_quality={}),
    ],
)
def test_a_record_survives_its_file(record):
    text = json.dumps(record.to_dict(), allow_nan=False)
    assert ScanRecord.from_dict(json.loads(text)) == record


def test_the_sections_of_the_file():
    sections = (
        "Scan Acquisition Measurements ImageQuality Views Predictions Flags Quality Provenance Anatomy "
        "NotMeasured Attributions Derived"
    )
    assert list(scan_record().to_dict()) == sections.split()
    assert scan_record().to_dict()["Provenance"]["Model"]["WeightsSHA256"] == "ab" * 32
    assert scan_record().to_dict()["Scan"]["URI"].startswith("bids:raw:")


def test_a_key_that_no_record_has_is_named():
    with pytest.raises(NeuroFMError, match=r"\(Later is unknown\)"):
        ScanRecord.from_dict({**scan_record().to_dict(), "Later": 1})


@pytest.mark.parametrize("key", ["Scan", "Views", "Provenance"])
def test_an_absent_section_is_named(key):
    values = scan_record().to_dict()
    del values[key]
    with pytest.raises(NeuroFMError, match=f"{key} is absent"):
        ScanRecord.from_dict(values)


@pytest.mark.parametrize(
    ("scan", "path"),
    [
        (Identity("bids:raw:sub-01/anat/sub-01_T1w.nii", "sub-01", "01"), "sub-01/anat/sub-01_T1w.nii"),
        (Identity(), "image"),
    ],
)
def test_path_of_a_scan(scan, path):
    assert scan.path == path
