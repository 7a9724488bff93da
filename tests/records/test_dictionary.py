import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.pipeline.task import acquisition as acquisition_of
from neurofm_bids.preprocess.iqm import measure_quality
from neurofm_bids.records import dictionary
from tests.samples import AGE, MEASUREMENTS, prediction


@pytest.mark.parametrize(
    ("name", "units", "of_class", "column"),
    [
        ("age", "year", None, "predicted_age_years"),
        ("sex", "1", "male", "predicted_male_probability"),
        ("ventricular_volume", "mm^3", None, "predicted_ventricular_volume_mm3"),
        ("cortical thickness", "mm", None, "predicted_cortical_thickness_mm"),
        ("hand grip", "kg", None, "predicted_hand_grip"),
        ("\t", "probability of x", None, "predicted_unnamed"),
    ],
)
def test_column_of_a_prediction(name, units, of_class, column):
    assert dictionary.prediction_column(name, units, of_class) == column


def test_entries_of_a_prediction():
    entries = dictionary.prediction("age", AGE)
    column = "predicted_age_years"
    assert list(entries) == [
        column,
        *(f"{column}_{part}" for part in ("sd", "lower95", "upper95", "in_range")),
    ]
    assert entries[column] == {
        "LongName": "Predicted age",
        "Description": "Age of the brain. Supported range: 18 to 95",
        "Units": "year",
    }
    assert entries[f"{column}_sd"]["Units"] == "year"
    assert set(entries[f"{column}_in_range"]["Levels"]) == {"true", "false"}
    assert "Units" not in entries[f"{column}_in_range"]


def test_a_probability_has_no_units():
    entries = dictionary.prediction("sex", prediction(0.4, "1", of_class="male"))
    assert {entry.get("Units", "1") for entry in entries.values()} == {"1"}


def test_metrics_that_the_dictionary_does_not_know_are_described():
    assert dictionary.metric("snr_brain")["Units"] == "1"
    assert dictionary.metric_column("odd\tname") == "odd_name"
    assert dictionary.metric("odd\tname") == {
        "LongName": "Odd name",
        "Description": "Image quality metric odd_name as recorded with the scan",
        "Units": "arbitrary",
    }


def test_every_metric_is_in_the_dictionary():
    data = np.zeros((12, 12, 12), np.float32)
    data[3:9, 3:9, 3:9] = np.random.default_rng(0).normal(500, 50, (6, 6, 6))
    t1w = nib.Nifti1Image(data, np.diag([10, 10, 10, 1]))
    mask = nib.Nifti1Image((data > 0).astype(np.uint8), t1w.affine)
    metrics = measure_quality(t1w, t1w, mask, MEASUREMENTS.registration, template_mask=mask).metrics
    described = {name: dictionary.metric(name)["Description"] for name in metrics}
    assert len(described) > 5
    assert [name for name, text in described.items() if "as recorded with the scan" in text] == []


def test_every_recorded_acquisition_parameter_is_described():
    class Everything(dict):
        def __contains__(self, key):
            return True

        def __missing__(self, key):
            return 1

    class Scan:
        metadata = Everything()

    for name in acquisition_of(Scan()):
        assert dictionary.acquisition(name)["LongName"] != name
    assert dictionary.acquisition("Other")["Description"] == "Other in the metadata of the image"


def test_features_and_readouts_are_numbered_and_named():
    assert dictionary.feature(7)["LongName"] == "Feature 7"
    assert dictionary.readout_column("hand grip") == "readout_hand_grip"
    assert (
        dictionary.readout_column("hand grip", "risk within 5 years")
        == "readout_hand_grip_risk_within_5_years"
    )
    assert dictionary.readout("Hand grip", "value", "kg")["Units"] == "kg"
    assert dictionary.readout("Hand grip", "centile", "kg")["Units"] == "percent"
    assert dictionary.readout("Hand grip", "centile")["LongName"] == "Hand grip, centile"


def test_entries_are_copies():
    dictionary.column("scan")["LongName"] = "changed"
    assert dictionary.column("scan")["LongName"] == "Scan"
