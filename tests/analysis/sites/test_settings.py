import pytest

from neurofm_bids.analysis.settings import read_settings
from neurofm_bids.analysis.sites.settings import SitesSettings
from neurofm_bids.errors import NeuroFMError


def read(tmp_path, text):
    path = tmp_path / "group.toml"
    path.write_text(text)
    return read_settings(path).sites


def test_a_file_sets_them(tmp_path):
    lines = (
        "harmonise = true",
        'preserve = ["age", "group"]',
        'smooth = ["age"]',
        "least_scans = 30",
        'save = "s.json"',
    )
    text = "\n".join(("[sites]", *lines))
    expected = SitesSettings(True, ("age", "group"), ("age",), 30, save="s.json")
    assert read(tmp_path, text) == expected
    assert read(tmp_path, "") == SitesSettings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[sites]\nleast_scans = 1", "fewer than 2 scans.*line 2"),
        ('[sites]\nharmonise = true\nsmooth = ["iq"]', "not among preserve: iq.*line 3"),
        ('[sites]\nmodel = "s.json"', "model is for harmonised cohorts.*Add harmonise"),
        ('[sites]\nsave = "s.json"', "save is for harmonised cohorts"),
        ("[sites]\nharmonize = true", "unknown key 'harmonize'.*Did you mean 'harmonise'"),
    ],
)
def test_what_is_not_valid_is_refused(tmp_path, text, message):
    with pytest.raises(NeuroFMError, match=message):
        read(tmp_path, text)
