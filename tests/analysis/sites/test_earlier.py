"""An earlier harmonisation that is applied to a cohort."""

from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.analysis.scans import Scans
from neurofm_bids.analysis.sites.earlier import check_values, covariates_of, read_earlier
from neurofm_bids.analysis.sites.file import write_sites
from neurofm_bids.analysis.sites.model import learn_sites
from neurofm_bids.errors import Exit, NeuroFMError
from tests.analysis.sites.cohorts import cohort

TABLE, COLUMNS, _ = cohort(0, 120, 4)
TABLE["group"] = np.where(np.arange(len(TABLE)) % 4 == 0, "patient", "control")
SCANS = Scans(TABLE, np.zeros((len(TABLE), 1), np.float32), np.ones(len(TABLE), bool), {}, (), ("site",))
MODEL = learn_sites(TABLE, COLUMNS, preserve=("age", "group"))


def test_its_covariates_are_known(tmp_path):
    write_sites(tmp_path / "sites.json", {"features": MODEL, "measures": MODEL}, "1")
    file = read_earlier(tmp_path / "sites.json", SCANS, "site")
    assert [one.name for one in covariates_of(file)] == ["age", "group"]


def test_a_covariate_that_does_not_exist_is_refused(tmp_path):
    write_sites(tmp_path / "sites.json", {"features": MODEL}, "1")
    other = replace(SCANS, table=TABLE.rename(columns={"group": "groups"}))
    message = "preserves 'group', but the tables have no such column.*Did you mean 'groups'"
    with pytest.raises(NeuroFMError, match=message) as raised:
        read_earlier(tmp_path / "sites.json", other, "site")
    assert raised.value.code == Exit.USAGE


def test_other_sites_are_refused(tmp_path):
    write_sites(tmp_path / "sites.json", {"features": MODEL}, "1")
    with pytest.raises(NeuroFMError, match="learned from the sites in the column site, not scanner"):
        read_earlier(tmp_path / "sites.json", SCANS, "scanner")


def test_a_covariate_without_values_is_refused():
    check_values(MODEL, ["age", "group"])
    with pytest.raises(NeuroFMError, match="no scan has a value of group, which the earlier"):
        check_values(MODEL, ["age"])
