import re
from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.records.cohort import Cohort, Member, Missing
from neurofm_bids.records.flag import Flag
from neurofm_bids.records.judgement import judge
from neurofm_bids.records.scan import Identity
from neurofm_bids.records.statistics import Agreement, Components, Statistics, Summary
from neurofm_bids.report.group import render_group_report
from tests.report.drawing import texts
from tests.samples import scan_record

COLUMNS = {
    "predicted_age_years": {"LongName": "Predicted age", "Units": "year", "Description": "Age <of> it"},
    "chronological_age_years": {"LongName": "Chronological age", "Units": "year"},
    "age_gap_years": {"LongName": "Age gap", "Units": "year"},
    "mask_volume_mm3": {"LongName": "Mask volume", "Units": "mm^3"},
    "predicted_ventricular_volume_mm3": {"LongName": "Ventricles", "Units": "mm^3"},
}


def scan(number, *flags, known=True, quality=None, **changes):
    predictions = {
        "predicted_age_years": 40.0 + number,
        "predicted_age_years_lower95": 39.0 + number,
        "predicted_age_years_upper95": 41.0 + number,
        "predicted_ventricular_volume_mm3": 15200.0,
        **({"chronological_age_years": 42.0, "age_gap_years": -2.0 + number} if known else {}),
    }
    member = Member(
        Identity(stem=f"sub-{number:02d}", subject=f"{number:02d}"),
        predictions,
        quality or {},
        {
            "mask_volume_mm3": 1.5e6,
            "quality": judge(flags).status,
            "quality_reasons": " ".join(judge(flags).reasons) or None,
        },
        acquisition={},
        flags=flags,
        out_of_range=(),
    )
    return replace(member, **changes)


def page_of(
    *scans, agreement=None, components=None, summaries=None, links=None, tables=(), checks=(), **changes
):
    cohort = Cohort(
        "openS",
        scans,
        missing=(),
        features=np.zeros((len(scans), 4), np.float32),
        made=scan_record().provenance,
        entries=COLUMNS,
        predicted=("predicted_age_years", "predicted_ventricular_volume_mm3"),
        weights_sha256=("ab" * 32,),
    )
    cohort = replace(cohort, **changes)
    statistics = Statistics(summaries or {}, cohort.ages, agreement, components)
    return render_group_report(cohort, statistics, links or {}, tables=tables, checks=checks)


def text(page):
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def cells(page):
    """Return the cells of the table of scans, one list per row."""
    table = re.search(r'<section id="scans">.*?<tbody>(.*?)</tbody>', page, re.DOTALL)[1]
    rows = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
    return [[text(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)] for row in rows]


def test_predicted_volumes_are_in_millilitres_whatever_their_name():
    columns = {**COLUMNS, "predicted_lesions_mm3": {"LongName": "Lesions", "Units": "mm^3"}}
    member = scan(1)
    lesions = {**member.predictions, "predicted_lesions_mm3": 21300.0}
    page = page_of(
        replace(member, predictions=lesions), entries=columns, predicted=("predicted_lesions_mm3",)
    )
    assert "21.3" in cells(page)[0]


def test_the_table_of_scans_has_units_and_intervals():
    page = page_of(scan(1, Flag("low_snr", "Look <here>", "serious")))
    assert cells(page) == [["sub-01", "41.0", "42.0", "-1.0", "15.2", "1,500", "low snr"]]
    assert 'title="95% interval over passes: 40.0 to 42.0"' in page
    assert 'class="serious" title="Look &lt;here&gt;"' in page
    assert 'title="Age &lt;of&gt; it"' in page


def test_columns_of_known_ages_are_left_out_where_no_age_is_known():
    page = page_of(scan(1, known=False))
    assert cells(page) == [["sub-01", "41.0", "15.2", "1,500", ""]]
    assert "No chronological ages are known" in page


def aged(number, *remarks, **predictions):
    made = scan(number)
    known = {"chronological_age_remarks": ";".join(remarks) or None, **predictions}
    if "lower_bound" in remarks:
        known |= {"age_gap_years": None}
    return replace(made, predictions={**made.predictions, **known})


def test_what_limits_an_age_is_shown_in_the_table_of_scans():
    page = page_of(aged(1, "lower_bound"), aged(2, "not_of_session"), aged(3))
    assert [row[2:4] for row in cells(page)] == [["≥ 42.0", "≤ -1.0"], ["42.0", "+0.0"], ["42.0", "+1.0"]]
    assert page.count('title="the dataset gives a lower bound of the age, such as 89+"') == 2
    unpredicted = page_of(aged(1, "lower_bound", predicted_age_years=None))
    assert cells(unpredicted)[0][2:4] == ["≥ 42.0", "n/a"]
    assert page.count('title="the dataset gives this age for the participant') == 2


def test_scans_that_are_not_compared_are_counted_with_the_reason():
    scans = [aged(1, "lower_bound"), aged(2, "not_of_session"), aged(3), scan(4, known=False)]
    page = text(page_of(*scans, agreement=Agreement(2, 2.0, 2.0, 1.0, None)))
    assert "Scans compared (n) 2 Scans left out: age not known 1" in page
    assert "Scans left out: the age is a lower bound, such as 89+ 1" in page
    assert "Scans compared with an age that is not of their session 1" in page
    whole = text(page_of(aged(3), agreement=Agreement(1, 2.0, 2.0, None, None)))
    assert "left out" not in whole
    assert "not of their session" not in whole


@pytest.mark.parametrize(
    ("scans", "why"),
    [
        ([aged(1, predicted_age_years=None)], "The model does not predict age."),
        ([scan(1, known=False)], "No chronological ages are known."),
        ([aged(1, "lower_bound"), scan(2, known=False)], "All known chronological ages are lower bounds"),
        (
            [aged(1, "lower_bound"), aged(2, predicted_age_years=None)],
            "No scan has both a predicted and a known chronological age that is not a lower bound.",
        ),
    ],
)
def test_the_report_says_why_no_scan_is_compared(scans, why):
    assert why in text(page_of(*scans))


def test_values_outside_their_range_and_unknown_values_are_marked():
    outside = scan(1, out_of_range=("predicted_age_years",))
    page = page_of(outside, scan(2, known=False))
    assert page.count('class="number outside"') == 1
    assert cells(page)[1][2:4] == ["n/a", "n/a"]


@pytest.mark.parametrize(
    ("agreement", "shown"),
    [
        (Agreement(30, 2.34, -1.2, 2.0, 0.9), ["2.3 years", "-1.2 years", "2.0 years", "0.90"]),
        (Agreement(1, 2.0, 2.0, None, None), ["needs two scans", "needs three scans", "unreliable"]),
    ],
)
def test_agreement_is_shown_as_given(agreement, shown):
    page = page_of(scan(1), scan(2), agreement=agreement)
    assert all(words in page for words in shown)
    assert "Not calibrated" in page
    assert ("unreliable" in page) is (agreement.n < 20)


@pytest.mark.parametrize(("count", "named"), [(4, []), (10, ["sub-09"])])  # fewer than eight have no outliers
def test_figures_name_the_outliers_that_the_statistics_name(count, named):
    values = [np.nan, *range(1, count - 1), 99.0]
    scans = [scan(number, quality={"snr": value}) for number, value in enumerate(values)]
    page = page_of(*scans, summaries={"snr": Summary("1", np.array(values))})
    assert [name for name in texts(page) if name.startswith("sub-")] == named


def test_agreement_and_components_name_their_outliers():
    scans = [scan(number) for number in range(4)]
    agreement = Agreement(4, 1.0, 1.0, 1.0, 1.0, outliers=(2,))
    components = Components(np.array([[0.0, 1], [1, 2], [2, 0], [9, 9]]), (0.6, 0.2), (3,))
    page = page_of(*scans, agreement=agreement, components=components)
    assert [name for name in texts(page) if name.startswith("sub-")] == ["sub-02", "sub-03"]
    assert "the 4 features" in page


def test_every_metric_is_drawn():
    names = tuple(f"metric_{number}" for number in range(11))
    page = page_of(scan(1, quality=dict.fromkeys(names, 1.0)))
    assert {name for name in texts(page) if name.startswith("metric_")} == set(names)


def test_flags_are_counted_by_name_and_severity():
    low, odd = Flag("low_snr", "a", "serious"), Flag("odd", "b")
    page = page_of(scan(1, low, odd), scan(2, low, low), scan(3))
    rows = re.findall(r'<tr><td>([^<]*)</td><td[^>]*>(\w+)</td><td class="number">(\d+)</td></tr>', page)
    assert rows == [("low snr", "serious", "2"), ("odd", "warning", "1")]
    assert "2 with flags, 2 serious" in text(page)


def to_look_at(page):
    """Return the rows of the table of scans to look at."""
    table = page.split("<h3>Scans to look at</h3>")[1].split("<h3>")[0]
    rows = re.findall(r"<tr>(<td>.*?)</tr>", table, re.DOTALL)
    return [[text(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)] for row in rows]


def test_failed_scans_and_those_that_stand_out_are_named():
    low, odd = Flag("low_snr", "Noise", "serious", "grain"), Flag("odd", "b")
    scans = scan(1), scan(2, odd), scan(3, low, odd), scan(4, odd), scan(5, low)
    checks = None, "snr of 3 is low", "snr of 2 is low", None, None
    page = page_of(*scans, checks=checks, links={"03": "sub-03.html"})
    assert "1 / 2 / 2 ok / check / fail by quality" in text(page)
    assert to_look_at(page) == [
        ["sub-03", "fail", "Noise. Look at grain. b. In the cohort: snr of 2 is low."],
        ["sub-05", "fail", "Noise. Look at grain."],
        ["sub-02", "check", "b. In the cohort: snr of 3 is low."],
        ["sub-04", "check", "b."],
    ]
    assert '<a href="sub-03.html">sub-03</a></td><td class="serious">fail' in page
    assert "No scan is judged as check or fail, and none stands out" in text(page_of(scan(1), scan(2)))


def test_all_weights_in_use_are_stated():
    page = page_of(scan(1), weights_sha256=("ab" * 32, "cd" * 32))
    assert f"Weights (SHA-256) {'ab' * 32} , {'cd' * 32}" in text(page)


def test_a_large_cohort_shows_flagged_scans_first():
    scans = [scan(number, *([Flag("odd", "b")] if number == 2004 else [])) for number in range(2005)]
    page = page_of(*scans)
    rows = cells(page)
    assert (len(rows), rows[0][0], rows[1][0]) == (2000, "sub-2004", "sub-00")
    assert "The table shows 2,000 of 2,005 scans, those with flags first." in page


def test_missing_scans_and_warnings_are_listed():
    missing = (Missing("sub-09", "failed in load: <no> scan"),)
    page = page_of(scan(1), missing=missing, warnings=("Look <out>.",))
    assert "failed in load: &lt;no&gt; scan" in page
    assert "1 scan was found or attempted but has no row" in page
    assert "Look &lt;out&gt;." in page


def test_equal_cohorts_give_equal_pages():
    pages = {page_of(scan(1), scan(2), tables=("x.tsv",)) for _ in range(2)}
    assert len(pages) == 1
    assert "<code>x.tsv</code>" in pages.pop()


def test_participants_with_a_page_are_linked():
    page = page_of(scan(1), scan(2), links={"02": "sub-02.html"})
    assert re.findall(r"<td>(?:<a href=\"(.*?)\">)?(sub-\d+)", page) == [
        ("", "sub-01"),
        ("sub-02.html", "sub-02"),
    ]
