"""The Python examples of the pages on cohorts run as they stand, on simulated group tables."""

import re
import tomllib
from contextlib import chdir
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

DOCS = Path(__file__).parent.parent / "docs"
PEOPLE, SESSIONS = 60, 3
VOLUMES = ("left_hippocampus_mm3", "right_hippocampus_mm3", "ventricles_mm3")


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE)


def write_group_tables(folder, seed, scanners):
    """Write tables with the columns of the group level, and of a dataset with scanner, group and moca."""
    rng = np.random.default_rng(seed)
    n = PEOPLE * SESSIONS
    person, session = np.repeat(np.arange(PEOPLE), SESSIONS), np.tile(np.arange(SESSIONS), PEOPLE)
    names = [f"sub-{i:02d}" for i in person]
    age = rng.uniform(40, 80, PEOPLE)[person] + 1.02 * session
    identity = {
        "participant_id": names,
        "session_id": [f"ses-{i}" for i in session],
        "scan": [f"{name}/ses-{i}/anat/T1w.nii.gz" for name, i in zip(names, session, strict=True)],
    }
    quality = {"mask_volume_mm3": rng.normal(1.4e6, 1e5, n), "quality": "pass"}
    tables = {
        "predictions": {
            "predicted_age_years": 30 + 0.6 * age + rng.normal(0, 4, n),
            "chronological_age_years": age,
            "age_gap_years": 30 - 0.4 * age,
            "recorded_sex": rng.choice(["F", "M"], PEOPLE)[person],
            **quality,
        },
        "covariates": {
            "age": age,
            "group": np.where(person < 30, "control", "case"),
            "moca": rng.integers(20, 30, PEOPLE)[person],
            "scanner": rng.choice(scanners, PEOPLE)[person],
            "acq_time": [f"20{20 + i}-03-01" for i in session],
        },
        "morphometry": {name: rng.normal(4000, 300, n) - 20 * session for name in VOLUMES},
        "quality": {"cjv": rng.normal(0.4, 0.02, n), **quality},
        "features": {f"f{i:03d}": rng.standard_normal(n) for i in range(12)},
    }
    folder.mkdir()
    for name, columns in tables.items():
        pd.DataFrame({**identity, **columns}).to_parquet(folder / f"group_desc-openS_{name}.parquet")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("cohort")
    write_group_tables(made / "out", 1, ["a", "b"])
    write_group_tables(made / "other_out", 2, ["a", "c"])
    return made


def run(page, folder):
    """Run the recipe of the common page, then the blocks of a page, and return their names."""
    found = {}
    with chdir(folder):
        for block in dict.fromkeys([*blocks("cohort.md", "python"), *blocks(page, "python")]):
            exec(compile(block, page, "exec"), found)
    return found


def test_the_table_of_all_has_each_column_once(folder):
    table = run("cohort.md", folder)["table"]
    assert len(table) == PEOPLE * SESSIONS
    assert table.columns.is_unique
    assert {"scan", "chronological_age_years", "moca", "cjv", *VOLUMES} <= set(table)


def test_age_gaps(folder):
    found = run("cohort-age-gap.md", folder)
    assert found["with_gaps"]["is_control"].sum() == 30 * SESSIONS
    assert found["found"]["column"].tolist() == ["moca"]
    assert found["found"]["people"].tolist() == [PEOPLE]


def test_change(folder):
    found = run("cohort-change.md", folder)
    assert len(found["changes"]) == PEOPLE
    assert set(found["changes"]["error_source"]) == {"given"}
    years = found["models"].set_index("term").loc["years"]
    assert years["estimate"] == pytest.approx(-20, abs=4 * years["standard_error"])


def test_sites(folder):
    found = run("cohort-sites.md", folder)
    assert set(found["model"].harmonisation.sites) == {"a", "b", "c"}
    assert found["values"].notna().all(axis=None)
    assert found["shown"]["n"].eq(PEOPLE).all()


def test_clusters(folder, capsys):
    found = run("cohort-clusters.md", folder)
    assert set(found["near"]["rank"]) == set(range(1, 6))
    assert len(capsys.readouterr().out.splitlines()) == 6  # numbers of clusters from 1


def test_settings_name_no_columns_that_the_reader_may_lack():
    [text] = blocks("cohort-change.md", "toml")
    assert tomllib.loads(text) == {"change": {"retest_weeks": 12}}
    [text] = blocks("cohort-age-gap.md", "toml")
    assert tomllib.loads(text) == {"age_gap": {"quality": ["cjv", "fwhm_mean_mm"]}}


@pytest.mark.parametrize("page", ["cohort-quality.md", "cohort-norms.md", "cohort-report.md"])
def test_pages_without_a_test_have_no_examples_in_python(page):
    assert not blocks(page, "python")
