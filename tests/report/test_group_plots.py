import json

from neurofm_bids.report.group_plots import Plot, plots_of

AGES = {"chronological_age_years", "predicted_age_years"}


def axes(plots):
    return [(plot.x, plot.y) for plot in plots]


def test_plots_are_of_columns_that_are_there():
    none = plots_of((), {}, has_sessions=False)
    assert set(none) >= {"age", "embedding", "quality", "change"}
    assert not any(none.values())
    found = plots_of({*AGES, "pc_1", "pc_2", "umap_1"}, {}, has_sessions=False)
    assert axes(found["age"]) == [("chronological_age_years", "predicted_age_years")]
    assert axes(found["embedding"]) == [("pc_1", "pc_2")]


def test_both_gaps_have_a_line_at_zero():
    names = {*AGES, "age_gap_years", "age_gap_corrected_years"}
    _, raw, corrected = plots_of(names, {}, has_sessions=False)["age"]
    assert (raw.y, corrected.y) == ("age_gap_years", "age_gap_corrected_years")
    assert raw.line == corrected.line == "zero"


def test_two_columns_of_quality_are_chosen_first_where_they_are():
    groups = {"Quality": ["noise", "odd", "snr_brain"]}
    (found,) = plots_of({"noise", "odd", "snr_brain"}, groups, has_sessions=False)["quality"]
    assert (found.x, found.y, found.choose) == ("noise", "snr_brain", True)
    assert plots_of({"odd"}, {"Quality": ["odd"]}, has_sessions=False)["quality"] == []


def test_courses_are_drawn_where_a_participant_has_several_scans():
    groups = {"Predictions": ["predicted_age_years"], "Change": ["change:a"]}
    assert plots_of(AGES, groups, has_sessions=False)["change"] == []
    course, strip = plots_of(AGES, groups, has_sessions=True)["change"]
    assert course.join
    assert strip == Plot("change:a")
    (by_session, *_) = plots_of({"session_id"}, groups, has_sessions=True)["change"]
    assert by_session.x == "session_id"


def test_measures_are_drawn_by_site_as_they_are_and_harmonised():
    groups = {"Predictions": ["predicted_age_years"]}
    (raw,) = plots_of({*AGES, "site"}, groups, has_sessions=False)["sites"]
    assert (raw.x, raw.y) == ("site", "predicted_age_years")
    both = plots_of({*AGES, "site", "harmonised:predicted_age_years"}, groups, has_sessions=False)["sites"]
    assert axes(both)[1] == ("site", "harmonised:predicted_age_years")


def test_only_predictions_are_drawn_as_such():
    groups = {"Predictions": ["predicted_age_years", "age_gap_years", "mask_volume_mm3"]}
    found = plots_of(AGES, groups, has_sessions=False)["predictions"]
    assert [plot.x for plot in found] == ["predicted_age_years", "mask_volume_mm3"]


def test_the_script_reads_what_is_set():
    assert json.loads(Plot("a", "b", "caption", line="zero").spec) == {"x": "a", "y": "b", "line": "zero"}
