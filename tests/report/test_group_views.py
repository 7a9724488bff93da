import pandas as pd

from neurofm_bids.report.group_views import MOST_ROWS, Cell, number_text, view
from tests.report.cohort_tables import Table

KNOWN = {
    "p": {"LongName": "P-value", "Units": "1", "Description": "Of the estimate"},
    "kind": {"Levels": {"swap": "Another person", "twin_swap": "A twin"}},
    "change": {"Units": "year"},
}


def shown(titles=None, links=None, **columns):
    return view("review", Table(pd.DataFrame(columns), KNOWN), links or {}, titles or {})


def texts(found):
    return [[cell.text for cell in row] for row in found.rows]


def test_heads_have_title_unit_and_meaning():
    found = shown(p=[0.5], change=[1.0], kind=["swap"])
    assert [(head.title, head.unit, head.about) for head in found.heads] == [
        ("P-value", "", "Of the estimate"),
        ("change", "years", ""),
        ("kind", "", ""),
    ]
    assert [head.is_number for head in found.heads] == [True, True, False]
    assert found.about == "A simulated table"
    assert found.rows[0][2] == Cell("swap", about="Another person")


def test_scans_are_named_by_their_image_and_linked():
    found = shown(
        participant_id=["sub-1"],
        session_id=["ses-2"],
        scan=["sub-1/ses-2/anat/sub-1_ses-2_T1w.nii.gz"],
        other_scan=["sub-3/anat/sub-3_T1w.nii.gz"],
        links={"sub-1": "sub-1.html", "sub-3": "sub-3.html"},
    )
    assert texts(found) == [["sub-1_ses-2", "sub-3"]]
    assert [cell.link for cell in found.rows[0]] == ["sub-1.html", "sub-3.html"]


def test_measures_are_called_by_their_titles():
    found = shown(measure=["brain_mm3", "other"], titles={"brain_mm3": "Brain, volume"})
    assert texts(found) == [["Brain, volume"], ["other"]]
    assert found.rows[0][0].about == "brain_mm3"


def test_long_tables_are_cut_and_say_so():
    found = shown(value=range(MOST_ROWS + 5))
    assert (len(found.rows), found.total) == (MOST_ROWS, MOST_ROWS + 5)


def test_units_codes_and_lists_are_written_for_readers():
    found = shown(units=["mm^3", "mm^3 per year"], kind="twin_swap", adjusted_for="age;sex; site_a")
    assert texts(found)[0] == ["mm³", "twin swap", "age; sex; site_a"]
    assert texts(found)[1][0] == "mm³ per year"


def test_what_drifts_comes_first_and_then_the_smallest_p_value():
    found = shown(group=["a", "b", "c"], p=[0.3, 0.2, 0.5], is_drift=[False, False, True])
    assert [row[0] for row in texts(found)] == ["c", "b", "a"]


def test_columns_without_values_are_not_shown():
    assert [head.title for head in shown(a=[1], b=[None]).heads] == ["a"]


def test_cells_of_every_kind():
    found = shown(a=[1.5, None], b=[True, False], c=["x", float("nan")])
    assert texts(found) == [["1.5", "yes", "x"], ["n/a", "no", "n/a"]]
    assert number_text(float("nan")) == "n/a"


def test_the_largest_changes_come_first():
    found = shown(participant_id=["a", "b", "c"], reliable_change_index=[0.5, None, -3.0])
    assert [row[0] for row in texts(found)] == ["c", "a", "b"]
