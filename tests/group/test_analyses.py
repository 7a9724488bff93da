"""Analyses of a cohort, one after the other."""

import numpy as np
import pandas as pd
import pytest

from neurofm_bids.analysis.result import Result
from neurofm_bids.analysis.scans import Scans
from neurofm_bids.analysis.settings import AnalysisSettings, Columns
from neurofm_bids.config import Analyses
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.group.analyses import analyse
from neurofm_bids.group.run import read_cohort, write_group
from tests.samples import write_scan
from tests.tables import read_rows

SCANS = Scans(pd.DataFrame({"x": [1]}), np.zeros((1, 2), np.float32), np.array([True]), {}, (), ("x",))
FRAME = pd.DataFrame({"a": [1]})


def test_tables_and_remarks_of_all_are_joined():
    analyses = (
        lambda scans, settings: Result({"one": FRAME}, ("first",)),
        lambda scans, settings: None,
        lambda scans, settings: Result({"two": FRAME}, ("second",)),
    )
    result = analyse(SCANS, AnalysisSettings(), analyses)
    assert list(result.tables) == ["one", "two"]
    assert result.remarks == ("first", "second")


def test_a_column_that_does_not_exist_is_refused():
    with pytest.raises(NeuroFMError, match="no column 'y'"):
        analyse(SCANS, AnalysisSettings(Columns(site="y")))


def test_sites_are_shown_and_harmonised_at_the_group_level(tmp_path):
    lines, rng = ["participant_id\tage\tsex\tsite"], np.random.default_rng(0)
    for number in range(44):
        write_scan(tmp_path / "out", f"sub-{number:02d}", seed=number)
        (tmp_path / "bids" / f"sub-{number:02d}").mkdir(parents=True)
        lines.append(
            f"sub-{number:02d}\t{rng.uniform(20, 80):.1f}\t{'FM'[number // 2 % 2]}\t{'ab'[number % 2]}"
        )
    (tmp_path / "bids" / "participants.tsv").write_text("\n".join(lines) + "\n")
    settings = tmp_path / "group.toml"
    settings.write_text(f'[sites]\nharmonise = true\nsave = "{tmp_path / "sites.json"}"\n')
    made = write_group(
        tmp_path / "out", "openS", bids_dir=tmp_path / "bids", analyses=Analyses(group_config=settings)
    )
    assert made.rows == 44
    effects = read_rows(tmp_path / "out" / "group_desc-openS_sites.tsv")
    assert {row["stage"] for row in effects} == {"before", "after"}
    harmonised = read_rows(tmp_path / "out" / "group_desc-openS_harmonised.tsv")
    assert (len(harmonised), harmonised[0]["site"]) == (44, "a")
    assert all(row["f000"] != "n/a" for row in harmonised)
    assert (tmp_path / "sites.json").is_file()


def test_an_unexpected_error_does_not_lose_the_other_analyses():
    def broken(scans, settings):
        raise ZeroDivisionError("by zero")

    result = analyse(SCANS, AnalysisSettings(), (broken, lambda scans, settings: Result({"two": FRAME})))
    assert list(result.tables) == ["two"]
    assert len(result.failed) == 1
    assert "unexpected error (ZeroDivisionError: by zero)" in result.remarks[0]


@pytest.mark.parametrize("read", [read_cohort, write_group])
def test_a_wrong_column_ends_the_run_and_its_preview(tmp_path, read):
    write_scan(tmp_path / "out", "sub-01")
    (tmp_path / "bids" / "sub-01").mkdir(parents=True)
    (tmp_path / "bids" / "participants.tsv").write_text("participant_id\tgroup\nsub-01\tx\n")
    settings = tmp_path / "group.toml"
    settings.write_text('[sites]\npreserve = ["age", "grp"]\n')
    where = r"group\.toml, line 2, column 20, table sites, key preserve. Did you mean 'group'"
    with pytest.raises(NeuroFMError, match=where) as raised:
        read(tmp_path / "out", "openS", bids_dir=tmp_path / "bids", analyses=Analyses(group_config=settings))
    assert raised.value.code == Exit.USAGE
