"""From scans to tables of clusters."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from neurofm_bids.analysis.clusters import analysis
from neurofm_bids.analysis.clusters.settings import ClusterSettings
from neurofm_bids.analysis.scans import Scans
from neurofm_bids.records import dictionary
from neurofm_bids.records.columns import IDENTITY_COLUMNS

SETTINGS = ClusterSettings(numbers=(2, 3), neighbours=2)


def cohort(distance, n=90, seed=0):
    """Return scans whose features have two clusters: 90 people, 10 of whom have a second session."""
    random = np.random.default_rng(seed)
    truth = np.arange(n) % 2
    values = random.normal(size=(n, 3))
    values[:, 0] += distance * truth
    rows = np.concatenate([np.arange(n), np.arange(10)])
    features = values @ random.normal(size=(3, 20)) + 0.1 * random.normal(size=(n, 20))
    people = pd.Series(rows).map(lambda row: f"sub-{row:03d}")
    table = pd.DataFrame(
        {
            "participant_id": people,
            "session_id": ["ses-1"] * n + ["ses-2"] * 10,
            "scan": [f"{person}_{i}" for i, person in enumerate(people)],
            "age": random.uniform(20, 80, n)[rows],
            "sex": np.where(random.random(n) < 0.5, "F", "M")[rows],
            "left_hippocampus_mm3": (4000 - 500 * truth + 100 * random.normal(size=n))[rows],
            "snr": random.normal(size=n)[rows],
            "site": np.array(["a", "b"])[truth][rows],
        }
    )
    included = np.ones(n + 10, dtype=bool)
    included[5] = False
    measures = {"left_hippocampus_mm3": "mm^3"}
    return Scans(table, features[rows].astype(np.float32), included, measures, ("snr",), ("site",)), truth[
        rows
    ]


SCANS, TRUTH = cohort(8)
RESULT = analysis.analyse(SCANS, SETTINGS)


def test_clusters_are_looked_for_on_request():
    assert analysis.analyse(SCANS, None) is None


def test_every_scan_has_a_row_and_planted_clusters_are_found():
    table = RESULT.tables["clusters"]
    assert table["scan"].to_list() == SCANS.table["scan"].to_list()
    known = SCANS.included
    role = table["role"].fillna("none").to_list()
    assert role == [*["made"] * 5, "none", *["made"] * 84, *["assigned"] * 5, "made", *["assigned"] * 4]
    for method in ("kmeans", "hdbscan"):
        assert table[method].isna().to_list() == (~known).tolist()
        assert adjusted_rand_score(TRUTH[known], table[method][known].astype(int)) > 0.9
    assert table.loc[~known, "pc_1"].isna().all()


def test_sessions_of_a_person_with_equal_features_are_in_one_cluster():
    table = RESULT.tables["clusters"].dropna(subset="kmeans")
    assert (table.groupby("participant_id")[["kmeans", "hdbscan"]].nunique() == 1).all().all()


def test_stability_has_every_division_that_was_tried():
    table = RESULT.tables["clusterstability"]
    kmeans = table[table["method"] == "kmeans"]
    assert kmeans.groupby("n_clusters").size().to_dict() == {1: 1, 2: 2, 3: 3}
    assert set(kmeans.loc[kmeans["is_chosen"], "n_clusters"]) == {2}
    assert (kmeans.loc[kmeans["is_chosen"], "stability"] == "stable").all()
    assert kmeans.groupby("n_clusters")["n"].sum().tolist() == [90, 90, 90]


def test_the_profile_names_what_differs():
    table = RESULT.tables["clusterprofile"]
    own = table[table["method"] == "kmeans"]
    volume = own[own["measure"] == "left_hippocampus_mm3"]
    assert volume["effect_size"].abs().min() > 2
    assert (volume["p_holm"] < 1e-6).all()
    assert (volume["adjusted_for"] == "age, sex").all()
    assert own.loc[own["measure"] == "site", "effect_size"].item() > 0.9
    assert own.loc[own["measure"] == "snr", "p_holm"].min() > 0.05


def test_neighbours_are_scans_of_others():
    table = RESULT.tables["neighbours"]
    assert len(table) == 2 * SCANS.included.sum()
    people = SCANS.table.set_index("scan")["participant_id"]
    assert (people[table["neighbour"]].to_numpy() != table["participant_id"].to_numpy()).all()
    assert "neighbours" not in analysis.analyse(SCANS, replace(SETTINGS, neighbours=0)).tables


def test_without_clusters_all_scans_are_in_one_and_a_remark_says_so():
    scans, _ = cohort(0)
    result = analysis.analyse(scans, SETTINGS)
    assert set(result.tables["clusters"]["kmeans"].dropna()) == {1}
    assert set(result.tables["clusters"]["hdbscan"].dropna()) == {1}
    assert "clusterprofile" not in result.tables
    assert (
        "Clusters by kmeans: none of the divisions into 2 to 3 are stable and separate" in result.remarks[0]
    )
    given = analysis.analyse(scans, replace(SETTINGS, methods=("kmeans",), numbers=(2, 2)))
    assert set(given.tables["clusters"]["kmeans"].dropna()) == {1, 2}
    assert "the settings ask for 2, but not all" in given.remarks[0]


def test_numbers_of_clusters_that_were_not_tried_are_named():
    scans, _ = cohort(0)
    few = replace(scans, included=np.arange(len(scans.table)) < 22)
    remarks = analysis.analyse(few, replace(SETTINGS, numbers=(2, 8))).remarks
    people = few.table["participant_id"][few.included].nunique()
    most = people // 5
    assert 2 < most < 8
    assert remarks[0] == (
        f"Clusters by kmeans: {most + 1} to 8 were not tried. Each cluster needs 5 participants, 40 for 8 "
        f"clusters; there are {people}."
    )
    assert remarks[1].startswith(f"Clusters by kmeans: none of the divisions into 2 to {most} are stable")
    remarks = analysis.analyse(few, replace(SETTINGS, methods=("kmeans",), numbers=(8, 8))).remarks
    assert len(remarks) == 1
    assert remarks[0].startswith("Clusters by kmeans: 8 were not tried. Each cluster needs 5 participants")


def test_too_few_people_have_a_remark_only():
    few = replace(SCANS, included=np.arange(100) < analysis.LEAST_PEOPLE - 1)
    result = analysis.analyse(few, SETTINGS)
    assert result.tables == {}
    assert "19 participants have usable scans, 20 are needed" in result.remarks[0]


def test_equal_scans_give_equal_tables():
    again = analysis.analyse(SCANS, SETTINGS)
    for name, frame in RESULT.tables.items():
        pd.testing.assert_frame_equal(frame, again.tables[name], check_exact=True)


@pytest.mark.parametrize("name", ["clusters", "clusterstability", "clusterprofile", "neighbours"])
def test_every_column_is_in_the_dictionary(name):
    _, entries = dictionary.analysis_table(name)
    assert set(RESULT.tables[name].columns) <= {*entries, *IDENTITY_COLUMNS}
