"""Whether what settings name exists."""

import re
from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.analysis.setting_checks import check_settings
from neurofm_bids.analysis.settings import read_settings
from neurofm_bids.analysis.sites.file import write_sites
from neurofm_bids.analysis.sites.model import learn_sites
from neurofm_bids.errors import Exit, NeuroFMError
from tests.analysis.age_gap.cohort import as_scans, cohort

TABLE = cohort(people=60).assign(site=["ab"[row % 2] for row in range(60)], note=None)
SCANS = as_scans(TABLE, covariates=("moca", "group", "site", "note"))


def check(tmp_path, text, scans=SCANS):
    path = tmp_path / "group.toml"
    path.write_text(text)
    check_settings(scans, read_settings(path), path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        '[columns]\nsite = "site"\ndate = "note"',
        '[age_gap]\ncontrols = ["group=control", "sub-003"]\nassociations = ["moca"]\nadjust = ["site"]',
        '[change]\nmeasures = "age_gap_years"\nerror_sd = {fwhm_mean_mm = 1}\ncovariates = "group"',
        '[sites]\nharmonise = true\npreserve = ["age", "group", "note"]\nsmooth = ["age", "note"]',
        '[clusters]\nadjust = ["age", "sex", "moca"]',
    ],
)
def test_what_exists_is_accepted(tmp_path, text):
    check(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[columns]\nsite = "sites"', "'sites'.*line 2.*table columns, key site.*Did you mean 'site'"),
        ('[columns]\ndate = "when"', "'when'.*line 2.*key date. Columns are group, moca, note, site"),
        ('[age_gap]\nassociations = ["group",\n"mocca"]', "'mocca'.*line 3.*key associations.*'moca'"),
        ('[age_gap]\nadjust = "zzz"', "'zzz'.*line 2.*key adjust. Columns are .* and 4 more"),
        ('[age_gap]\ncategories = "mocca"', "'mocca'.*key categories"),
        ('[age_gap]\nquality = ["cjv", "fwhm"]', "'fwhm'.*key quality"),
        ('[age_gap]\ncontrols = "group=healthy"', "no participant has group=healthy.*line 2.*key controls"),
        ('[age_gap]\ncontrols = "grup=control"', "no participant has grup=control.*Did you mean 'group'"),
        ('[age_gap]\ncontrols = "999"', "no scan in the tables: 999.*key controls.*or check the label"),
        ('[change]\nmeasures = "predicted_age_yers"', "line 2.*key measures.*'predicted_age_years'"),
        ("[change]\nerror_sd = { brain_mm3 = 2 }", "'brain_mm3'.*line 2, column 14, .*key error_sd"),
        ('[change]\ncovariates = "grup"', "'grup'.*key covariates.*'group'"),
        ('[change]\ncategories = "grup"', "'grup'.*key categories.*'group'"),
        ('[sites]\npreserve = ["age","sex","grp"]', "'grp'.*line 2, column 25.*key preserve.*'group'"),
        (
            '[sites]\nharmonise = true\npreserve = ["age", "grp"]',
            "'grp'.*line 3.*table sites, key preserve.*'group'",
        ),
        (
            '[sites]\npreserve = ["age", "group"]\nsmooth = "group"',
            "'group' has texts and cannot be smooth.*line 3.*key smooth",
        ),
        ('[clusters]\nadjust = ["aged"]', "'aged'.*line 2.*table clusters, key adjust.*'age'"),
        ('[clusters]\nadjust = ["group"]', "'group' has texts that are not numbers"),
        ('[clusters]\nfeatures = "regional"', "no volumes of regions"),
    ],
)
def test_what_does_not_exist_is_refused_with_its_line_and_the_nearest_name(tmp_path, text, message):
    with pytest.raises(NeuroFMError) as raised:
        check(tmp_path, text)
    assert re.search(message, str(raised.value), re.DOTALL), raised.value
    assert raised.value.code == Exit.USAGE
    assert len(str(raised.value)) < 400


def test_controls_are_checked_without_any_gap(tmp_path):
    scans = replace(SCANS, table=TABLE.assign(age=np.nan))
    with pytest.raises(NeuroFMError, match="no participant has group=x"):
        check(tmp_path, '[age_gap]\ncontrols = "group=x"', scans)


def test_an_earlier_harmonisation_of_other_columns_is_refused(tmp_path):
    model = learn_sites(
        TABLE.assign(x=TABLE["age"] % 7), ["x"], preserve=("group",), least_scans=5, empirical_bayes=False
    )
    write_sites(tmp_path / "sites.json", {"measures": model}, "1")
    text = f'[sites]\nharmonise = true\nmodel = "{tmp_path / "sites.json"}"\n'
    check(tmp_path, text)
    with pytest.raises(NeuroFMError, match="preserves 'group', but the tables have no such column"):
        check(tmp_path, text, replace(SCANS, table=TABLE.drop(columns="group"), covariates=("moca", "site")))


def test_without_a_file_the_option_is_named(tmp_path):
    path = tmp_path / "group.toml"
    path.write_text('[sites]\npreserve = "grp"')
    with pytest.raises(NeuroFMError, match="--group-config, table sites, key preserve"):
        check_settings(SCANS, read_settings(path))
