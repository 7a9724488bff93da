import pytest

from neurofm_bids.analysis.change.settings import MAIN_VOLUMES, ChangeSettings, main_measures
from neurofm_bids.anatomy.morphometry import MEASURED


def test_the_main_volumes_are_measured():
    assert set(MAIN_VOLUMES) <= set(MEASURED)
    assert main_measures(["mask_volume_mm3", "ventricles_mm3", "predicted_x", "left_insula_mm3"]) == (
        "ventricles_mm3",
        "predicted_x",
    )


@pytest.mark.parametrize(
    ("values", "keys"),
    [
        ({}, []),
        ({"time": "date", "retest_weeks": 0.0, "error_sd": {"x": 1.0}}, []),
        ({"time": "days"}, ["time"]),
        ({"retest_weeks": -1.0}, ["retest_weeks"]),
        ({"error_sd": {"x": 0.0}}, ["error_sd"]),
    ],
)
def test_rules(values, keys):
    assert [key for key, *_ in ChangeSettings.broken_rules(values)] == keys
