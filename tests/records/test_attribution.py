from neurofm_bids.records.attribution import Attribution, RegionAttribution
from neurofm_bids.records.scan import ScanRecord
from tests.samples import scan_record


def test_the_file_of_a_scan_keeps_its_attributions():
    regions = {"Left-Hippocampus": RegionAttribution(0.25, -1.5, -0.4)}
    one = Attribution("Predicted age", "year", 40.0, 35.0, 0.01, 0.05, 8, regions)
    record = scan_record(attributions={"age": one})
    values = record.to_dict()
    assert values["Attributions"]["age"]["CompletenessError"] == 0.01
    assert values["Attributions"]["age"]["AbsoluteCompletenessError"] == 0.05
    assert values["Attributions"]["age"]["Regions"]["Left-Hippocampus"] == {
        "Share": 0.25,
        "Sum": -1.5,
        "PerMl": -0.4,
    }
    assert ScanRecord.from_dict(values) == record


def test_an_error_relative_to_no_difference_is_null_in_the_file():
    one = Attribution("Predicted age", "year", 40.0, 40.0, None, 0.05, 8)
    values = scan_record(attributions={"age": one}).to_dict()
    assert values["Attributions"]["age"]["CompletenessError"] is None
    assert ScanRecord.from_dict(values).attributions == {"age": one}
