"""What distinguishes clusters."""

import numpy as np
import pandas as pd

from neurofm_bids.analysis.clusters.profile import PROFILE_COLUMNS, cluster_profile

RANDOM = np.random.default_rng(6)
LABELS = np.repeat([1, 2, 0], [80, 60, 20])
AGE = RANDOM.uniform(20, 80, 160)
TABLE = pd.DataFrame(
    {
        "left_hippocampus_mm3": 4000 - 20 * AGE - 300 * (LABELS == 2) + RANDOM.normal(size=160) * 200,
        "noise": RANDOM.normal(size=160),
        "site": np.where(LABELS == 2, "b", "a"),
        "code": RANDOM.integers(1, 4, 160).astype(str),
        "score": [f"{value:.15g}" for value in AGE],
        "name": [f"sub-{i}" for i in range(160)],
        "age": AGE,
        "unknown": np.full(160, np.nan),
    }
)
KINDS = {"left_hippocampus_mm3": "volume", "noise": "quality"}
KINDS |= dict.fromkeys(("site", "code", "score", "name", "age", "unknown"), "column")
FRAME = cluster_profile(TABLE, LABELS, KINDS, {"age": AGE})


def row(measure, cluster=None):
    same = FRAME["cluster"].isna() if cluster is None else FRAME["cluster"] == cluster
    (found,) = FRAME[(FRAME["measure"] == measure) & same].itertuples()
    return found


def test_a_planted_difference_is_found_and_adjusted_for_age():
    found = row("left_hippocampus_mm3", 2)
    assert found.lower95 < -1.5 < found.upper95
    assert found.p_holm < 1e-6
    assert (found.n_cluster, found.n_rest, found.adjusted_for) == (60, 100, "age")
    assert row("noise", 1).p_holm > 0.05


def test_a_measure_is_not_adjusted_for_itself():
    assert row("age", 1).adjusted_for == ""
    assert np.isfinite(row("age", 1).effect_size)
    assert np.isnan(row("score", 1).effect_size)  # it is the age, which is adjusted for


def test_categories_are_compared_once():
    assert row("site").effect == "cramers_v"
    assert row("site").effect_size > 0.9
    assert row("code").effect_size < 0.3
    assert not {"name", "unknown"} & set(FRAME["measure"])


def test_the_table_is_in_order_and_whole():
    assert list(FRAME.columns) == list(PROFILE_COLUMNS)
    assert FRAME["cluster"].fillna(0).is_monotonic_increasing
    assert (FRAME["p_holm"].dropna() >= FRAME["p"].dropna()).all()
