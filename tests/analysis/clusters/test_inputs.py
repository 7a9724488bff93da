"""What clusters are made from."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from neurofm_bids.analysis.clusters.inputs import check_inputs, read_inputs
from neurofm_bids.analysis.clusters.settings import ClusterSettings
from neurofm_bids.analysis.scans import Scans
from neurofm_bids.errors import NeuroFMError

RANDOM = np.random.default_rng(7)
TABLE = pd.DataFrame(
    {
        "participant_id": ["sub-1", "sub-1", "sub-2", "sub-3", "sub-4"],
        "session_id": ["ses-1", "ses-2", None, None, None],
        "scan": [f"scan{i}" for i in range(5)],
        "age": [30.0, 31.0, 40.0, 55.0, np.nan],
        "sex": ["F", "F", "M", None, "M"],
        "left_hippocampus_mm3": [4000.0, 3900, 4100, np.nan, 3800],
        "right_hippocampus_mm3": [4000.0, 3900, 4100, 3500, 0],
        "intracranial_mm3": [1.4e6, 1.4e6, 1.5e6, 1.3e6, 1.6e6],
        "predicted_brain_volume_mm3": [1.1e6] * 5,
        "readout_x": [1.0] * 5,
        "snr": [9.0] * 5,
        "group": ["a", "a", "b", "b", "b"],
    }
)
MEASURES = {
    "left_hippocampus_mm3": "mm^3",
    "right_hippocampus_mm3": "mm^3",
    "predicted_brain_volume_mm3": "mm^3",
    "readout_x": "1",
}
SCANS = Scans(
    TABLE, RANDOM.normal(size=(5, 6)).astype(np.float32), np.ones(5, bool), MEASURES, ("snr",), ("group",)
)


def test_the_first_usable_scan_of_a_person_makes_clusters():
    assert read_inputs(SCANS, ClusterSettings()).makers.tolist() == [True, False, True, True, True]
    failed = replace(SCANS, included=np.array([False, True, True, True, True]))
    inputs = read_inputs(failed, ClusterSettings())
    assert inputs.makers.tolist() == [False, True, True, True, True]
    assert np.isnan(inputs.features[0]).all()
    assert inputs.remarks == ()


def test_volumes_are_logarithms_and_scans_without_them_are_named():
    inputs = read_inputs(SCANS, ClusterSettings("regional"))
    assert inputs.features[0] == pytest.approx(np.log([4000, 4000]))
    assert inputs.features[4, 1] == 0
    assert inputs.makers.tolist() == [True, False, True, False, True]
    assert "1 scans lack a feature and are left out (scan3)" in inputs.remarks[0]
    assert read_inputs(SCANS, ClusterSettings("both")).features.shape == (5, 8)


def test_effects_of_columns_are_removed():
    left = read_inputs(SCANS, ClusterSettings(adjust=("age",)))
    assert np.isnan(left.features[4]).all()
    assert "lack a feature or age" in left.remarks[0]
    own = left.features[left.makers]
    assert np.corrcoef(own[:, 0], TABLE["age"][left.makers])[0, 1] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("scans", "settings", "message"),
    [
        (SCANS, ClusterSettings(adjust=("group",)), "'group' has texts that are not numbers"),
        (
            replace(SCANS, table=TABLE.drop(columns=list(MEASURES)[:2])),
            ClusterSettings("regional"),
            "no volumes of regions.*segmentation",
        ),
    ],
)
def test_settings_that_the_scans_do_not_allow_are_refused(scans, settings, message):
    for read in (check_inputs, read_inputs):
        with pytest.raises(NeuroFMError, match=message):
            read(scans, settings)


def test_covariates_that_most_scans_have_are_adjusted_for():
    assert list(read_inputs(SCANS, ClusterSettings()).adjust) == ["intracranial_mm3"]
    known = replace(SCANS, table=TABLE.assign(age=40.0, sex=["F", "F", "M", "F", "M"]))
    adjust = read_inputs(known, ClusterSettings()).adjust
    assert list(adjust) == ["age", "sex", "intracranial_mm3"]
    assert adjust["sex"].tolist() == [0, 0, 1, 0, 1]


def test_measures_have_kinds():
    assert read_inputs(SCANS, ClusterSettings()).kinds == {
        "group": "column",
        "age": "column",
        "sex": "column",
        "left_hippocampus_mm3": "volume",
        "right_hippocampus_mm3": "volume",
        "predicted_brain_volume_mm3": "prediction",
        "readout_x": "readout",
        "snr": "quality",
    }
