import numpy as np
import pytest

from neurofm_bids.analysis.design import complete, independent, terms_of


def test_numbers_and_levels_are_told_apart():
    assert terms_of("a", ["1", "2.5", ""]).names == ("a",)
    group = terms_of("g", ["x"] * 12 + ["y"] * 10 + ["z", None])
    assert (group.names, group.reference, group.rare) == (("g[y]",), "x", ("z",))
    assert group.levels == ("y",)
    assert group.known.tolist() == [True] * 22 + [False] * 2
    assert terms_of("b", np.array([True, False] * 10)).names == ("b[true]",)
    assert terms_of("c", [1, 2] * 10, ["c"]).names == ("c[2]",)


def test_a_column_without_frequent_levels_has_no_terms():
    cells = ["x"] * 12 + ["y"] * 10 + ["z"]
    assert terms_of("g", cells, references=["y", "z"]).names == ("g[x]",)
    assert terms_of("g", cells, references=["z", "w"]).names == ("g[y]",)
    made = terms_of("id", [f"x{place}" for place in range(9)])
    assert made.names == ()
    assert made.values.shape == (9, 0)


def test_rows_are_complete_where_all_columns_are_known():
    parts = [terms_of("a", ["1", "", "3"]), terms_of("b", ["1", "2", None])]
    assert complete(parts).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("columns", "kept"),
    [
        ([[1.0, 1, 1, 1]], [False]),
        ([[0.0, 1, 0, 1], [1.0, 0, 1, 0]], [True, False]),
        ([[1e6, 2e6, 4e6, 1e6], [1e-6, 5e-6, 2e-6, 0]], [True, True]),
        ([[0.0, 1, 2, 3], [1.0, 0, 0, 1], [1.0, 1, 2, 4]], [True, True, False]),
    ],
)
def test_terms_that_follow_from_others_are_found(columns, kept):
    assert independent(np.array(columns).T).tolist() == kept


def test_levels_are_counted_by_people():
    cells, people = ["x"] * 20 + ["y"] * 20, np.arange(40)
    assert terms_of("g", cells, people=people).names == ("g[y]",)
    assert terms_of("g", cells, people=np.where(people < 20, people, people // 3)).rare == ("y",)
