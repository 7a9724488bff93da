import numpy as np
import pandas as pd

from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.group.cohort import collect
from neurofm_bids.group.table import Table, about_table, model_of, scans_table
from tests.samples import one_folder, write_scan


def test_a_table_is_text_and_a_dictionary():
    table = Table(
        pd.DataFrame({"b": [1 / 3, np.nan], "a": ["x", None]}), {"a": {"A": 1}, "b": {}}, {"D": "d"}, 3
    )
    assert table.text() == "b\ta\n0.333\tx\nn/a\tn/a\n"
    assert list(table.sidecar()) == ["D", "b", "a"]


def test_tables_of_scans_begin_with_their_identity(tmp_path):
    write_scan(tmp_path / "out", "sub-01_ses-a")
    (tmp_path / "sub-01").mkdir()
    cohort = collect(one_folder(tmp_path / "out", Covariates(tmp_path)))
    table = scans_table(cohort, "What", pd.DataFrame({"v": [1]}), {"v": {}})
    assert table.frame.iloc[0].to_list() == [
        "sub-01",
        "ses-a",
        "sub-01/ses-a/anat/sub-01_ses-a_T1w.nii.gz",
        1,
    ]
    assert table.about == about_table(cohort, "What, one row per scan")
    assert table.about["NeuroFM"]["Model"] == model_of(cohort).name == "open-s"
    assert table.about["NeuroFM"]["WeightsSHA256"] == "ab" * 32
