"""Settings of cohort quality."""

import pytest

from neurofm_bids.analysis.quality.settings import QualitySettings
from neurofm_bids.analysis.settings import read_settings
from neurofm_bids.errors import NeuroFMError


def test_defaults_break_no_rule():
    assert list(QualitySettings.broken_rules({})) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("false_outliers = 0", "not between 0 and 1"),
        ("least_ratio = 1.0", "not more than 1"),
        ("least_scans = 4", "less than 5"),
        ("least_shift = -1.0", "negative"),
        ("least_rati = 10", "least_ratio"),
    ],
)
def test_values_that_make_no_sense_are_refused(tmp_path, text, message):
    path = tmp_path / "settings.toml"
    path.write_text(f"[quality]\n{text}\n")
    with pytest.raises(NeuroFMError, match=message):
        read_settings(path)


def test_settings_are_read(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text("[quality]\nleast_scans = 30\n")
    assert read_settings(path).quality == QualitySettings(least_scans=30)
