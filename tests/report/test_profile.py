"""The profile of readouts as the report shows it."""

import re
from dataclasses import replace

import pytest

from neurofm_bids.bids.demographics import Person
from neurofm_bids.participant.scored_reports import with_scores
from neurofm_bids.readouts.apply import Measured
from neurofm_bids.readouts.readout import NOT_ABOVE_CHANCE, Covariate, Evaluation, Linear, Metric
from neurofm_bids.report.contents import ScanReport
from neurofm_bids.report.participant import write_participant_report
from neurofm_bids.report.profile import profile_of
from tests.readouts.made import made_readout, with_replicates
from tests.report.test_participant import record
from tests.samples import scan_record

NEEDS_HEIGHT = made_readout(
    name="hand_grip", covariates=(Covariate("height"),), functions=(Linear(1.0, (1.0, -2.0), (0.0,)),)
)
READOUTS = (
    with_replicates(made_readout(), -0.1, 0.1),
    with_replicates(made_readout("binary"), -1.0, 1.0),
    made_readout("ordinal"),
    made_readout("multiclass"),
    with_replicates(made_readout("time-to-event", competing=True), -1.0, 1.0),
    NEEDS_HEIGHT,
)


SCANNED = Measured({"f000": 0.5, "f001": 0.25})


def scored(feature=0.5, made=None, **changes):
    scan = Measured({"f000": feature, "f001": 0.25}, **changes)
    return with_scores(ScanReport(made or scan_record(), Person(), {}), READOUTS, scan)


def lines(**changes):
    view = profile_of(scored(**changes))
    return {line.name: line for own in view.domains.values() for line in own}


def page(folder, scan):
    path = folder / "sub-01.html"
    write_participant_report(path, "01", [scan], [], command="neurofm", software={"neurofm-bids": "1"})
    return path.read_text()


def test_without_readouts_there_is_no_profile(tmp_path):
    plain = ScanReport(record(), Person(), {})
    assert profile_of(plain) is None
    assert "Profile of readouts" not in page(tmp_path, plain)


def test_a_readout_that_is_not_above_chance_says_so_in_place_of_its_bar(tmp_path):
    weak = replace(READOUTS[0], notes=(NOT_ABOVE_CHANCE,))
    plain, marked = (
        page(tmp_path, with_scores(ScanReport(record(), Person(), {}), (one,), SCANNED))
        for one in (READOUTS[0], weak)
    )
    assert ["<small>not reliably above chance</small>" in text for text in (plain, marked)] == [
        False,
        True,
    ]


def test_lines_stand_by_domain():
    view = profile_of(scored())
    assert {domain: [line.name for line in own] for domain, own in view.domains.items()} == {
        "Clinical": ["Depression"],
        "Cognitive": ["Raven", "Hand grip"],
        "Developmental": ["Multiclass", "Time to event"],
        "Socio-behavioural": ["Ordinal"],
    }


def test_a_line_has_score_centile_bar_and_how_well_the_readout_does():
    line = lines()["Raven"]
    assert (line.value, line.quantity, line.centile) == ("1.00 points (-3.00 to 5.00)", "", "60 (57 to 63)")
    assert (line.bar.value, line.bar.ends) == (120.0, ("57", "63"))
    assert line.alt == "Raven: centile 60, interval 57 to 63"
    assert line.held_out == "r 0.10 (-0.20 to 0.40)"
    assert not line.is_muted


@pytest.mark.parametrize(
    ("name", "value", "quantity", "parts"),
    [
        ("Depression", r"0\.73 \(0\.15 to 0\.98\)", "probability of class MDD", ""),
        (
            "Ordinal",
            r"2\.\d\d",
            r"expected rank, 1 \(low\) to 3 \(high\)",
            "probability of class low 0.*mid.*high 0.*",
        ),
        (
            "Multiclass",
            r"0\.65",
            "probability of class A",
            "probability of class B .*; probability of class C .*",
        ),
        ("Time to event", r"0\.\d\d \(.*\)", "risk within 5 years", r"risk within 2 years 0\.\d\d \(.*\)"),
    ],
)
def test_scores_of_every_kind_say_what_they_are(name, value, quantity, parts):
    line = lines()[name]
    assert re.fullmatch(value, line.value)
    assert re.fullmatch(quantity, line.quantity)
    assert re.fullmatch(parts, line.parts)
    assert (line.bar is None) is (name == "Multiclass")


def test_a_reason_stands_where_there_is_no_score():
    line = lines()["Hand grip"]
    assert (line.value, line.centile, line.bar) == ("no score", "", None)
    assert line.reason == "the covariate height is not known"


def test_what_limits_a_score_is_marked_and_explained():
    view = profile_of(scored(feature=19.99, has_failed=True, age_years=80.0))
    assert [mark for mark, _ in view.legend] == ["a", "b", "c"]
    assert "judged as fail" in view.legend[0][1]
    assert "farther from the training cohort" in view.legend[1][1]
    marked = {line.name: (line.marks, line.is_muted) for own in view.domains.values() for line in own}
    assert marked["Raven"] == ("a, b, c", True)
    assert marked["Hand grip"] == ("", False)


def test_risks_are_drawn_over_years_with_their_horizons():
    (chart,) = profile_of(scored()).charts
    assert chart.name == "Time to event"
    assert re.match(
        r"Time to event: risk within 2 years 0\.\d\d \(.*; risk within 5 years 0\.\d\d", chart.alt
    )
    assert (len(chart.chart.marks), len(chart.chart.bands), len(chart.chart.lines)) == (2, 1, 1)
    assert chart.about == "Training: 20 students"


def test_how_readouts_were_made_is_told():
    told = {name: sentences for name, _, sentences in profile_of(scored()).readouts}
    assert told["Raven"] == ["Training: 20 students", "Held-out scans: r 0.10 (-0.20 to 0.40)"]


def test_metrics_have_their_usual_names_and_those_of_quarters_are_left_out():
    metrics = {"c_index": Metric(0.7), "observed_risk_5y": Metric(0.2), "observed_risk_5y_q1": Metric(0.1)}
    readout = made_readout("time-to-event", evaluation=Evaluation(metrics, scheme="5 folds"))
    shown = profile_of(with_scores(ScanReport(scan_record(), Person(), {}), [readout], SCANNED))
    ((_, _, sentences),) = shown.readouts
    assert sentences[1] == "Held-out scans (5 folds): C-index 0.70, observed risk 5y 0.20"


def test_the_page_shows_the_profile_before_the_predictions_and_makes_no_diagnosis(tmp_path):
    text = page(tmp_path, scored(made=record()))
    assert text.index("Profile of readouts") < text.index('id="predictions-1"')
    assert text.count('class="bar"') == 4
    assert 'aria-label="Raven: centile 60, interval 57 to 63"' in text
    assert "it is not a diagnosis" in text
    assert "Time to event: risk over time" in text
    assert '<a href="#readouts-1">Readouts</a>' in text
