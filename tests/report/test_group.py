import re
from dataclasses import replace

import pandas as pd
import pytest

from neurofm_bids.records.cohort import Missing
from neurofm_bids.report import group_pack
from neurofm_bids.report.group import render_group_report
from tests.report.cohort_tables import Table, cohort_of, simulated


def page_of(tables=None, **arguments):
    tables = tables or simulated(40)
    cohort = arguments.pop("cohort", None) or cohort_of(len(tables["predictions"].frame))
    return render_group_report(tables, cohort, arguments.pop("links", {}), **arguments)


def text(page):
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def without(*names):
    return {name: table for name, table in simulated(40).items() if name not in names}


def changed(name, **columns):
    tables = simulated(40)
    table = tables[name]
    return {**tables, name: replace(table, frame=table.frame.assign(**columns))}


@pytest.mark.parametrize(
    ("section", "names"),
    [
        ("sites", ["sites"]),
        ("volumes", ["morphometry", "centiles"]),
    ],
)
def test_a_section_is_there_only_with_its_table(section, names):
    assert f'id="{section}"' in page_of()
    assert f'href="#{section}"' in page_of()
    page = page_of(without(*names))
    assert f'id="{section}"' not in page
    assert f'href="#{section}"' not in page


def test_every_number_of_an_analysis_is_in_a_table_of_the_page():
    page = text(page_of())
    for words in (
        "Drift A simulated table. measure by group value p is drift Noise in the brain site A 0.2 0.0004 yes",
        "Associations of the age gap",
        "Stability of the clusters",
        "What distinguishes the clusters",
        "Differences between sites",
        "Change over the cohort",
        "Change of each participant",
        "To review Scans to look at",
        "Findings across scans",
    ):
        assert words in page


def test_findings_are_listed_with_links():
    tables = simulated(400)
    person = tables["review"].frame["participant_id"].iloc[0]
    page = page_of(tables, links={person[4:]: "there.html"})
    listed = page.split("Findings across scans</h4>")[1].split("<h3")[0]
    assert '<a href="there.html">' in listed
    count = len(tables["review"].frame)
    assert f'<li><b>{count}</b><a href="#table-review">to review</a></li>' in page
    assert 'id="table-review"' in page


def test_no_findings_are_said_to_be_none():
    tables = simulated(40)
    tables = {**tables, "review": replace(tables["review"], frame=tables["review"].frame.head(0))}
    page = page_of(tables)
    assert "Findings across scans A simulated table. None." in text(page)
    assert "to review</a></li>" not in page


@pytest.mark.parametrize(
    ("remarks", "said"),
    [
        (["No controls.", "Drift by site was not tested: one."], "Drift by site was not tested: one."),
        ([], "Nothing could be tested."),
    ],
)
def test_a_table_without_rows_says_why_nothing_was_tested(remarks, said):
    tables = simulated(40)
    tables = {**tables, "drift": replace(tables["drift"], frame=tables["drift"].frame.head(0))}
    assert f"Drift A simulated table. {said}" in text(page_of(tables, remarks=remarks))


def test_sites_begin_with_all_features_and_measures_and_fold_features_away():
    page = page_of()
    listed = page.split("Differences between sites</h3>")[1].split("</section>")[0]
    order = ("all features", ">Measures</h4>", "brain_mm3", "<details>", "f000")
    places = [listed.index(words) for words in order]
    assert places == sorted(places)
    assert "Features (4 rows)" in listed
    first = text(listed.split("<h4>")[1])
    assert "balanced accuracy" in first
    assert "variance" not in first
    assert re.findall(r"<td[^>]*>(before|after)<", listed) == ["before", "after"] * 5


def test_long_tables_say_how_many_rows_they_have():
    frame = pd.DataFrame({"measure": "noise", "by": "site", "group": range(40), "is_drift": False, "p": 0.5})
    page = page_of({**simulated(40), "drift": Table(frame, {})})
    assert "40 rows: scroll in the table." in page.split("Drift</h3>")[1].split("<h3")[0]


def test_remarks_of_analyses_and_warnings_are_shown():
    page = page_of(remarks=["No <second> session."], cohort=cohort_of(40, warnings=("Look <out>.",)))
    assert "No &lt;second&gt; session." in page
    assert "Look &lt;out&gt;." in page
    assert 'class="notice remarks"' not in page_of()


def test_the_page_says_that_its_scans_are_a_part_of_the_cohort(monkeypatch):
    assert "Plots and the table of scans show" not in page_of()
    monkeypatch.setattr(group_pack, "MOST_SCANS", 30)
    assert "Plots and the table of scans show 30 of 40 scans" in text(page_of())


def test_few_ages_and_repeated_scans_are_warned_of():
    page = text(page_of())
    assert "Not calibrated" in page
    assert "these numbers are unreliable" not in page
    assert "Scans of one participant are counted separately" in page
    statistics = simulated(40)["statistics"].frame
    assert "With 4 scans these numbers are unreliable" in text(page_of(changed("statistics", n=4)))
    none = statistics[statistics["measure"] != "age_agreement"]
    page = page_of({**without("statistics"), "statistics": Table(none, {})})
    assert "No scan has both a predicted and a known chronological age" in text(page)


def test_facts_of_the_cohort():
    table = simulated(40)["quality"].frame
    page = text(page_of())
    counts = [int((table["quality"] == status).sum()) for status in ("ok", "check", "fail")]
    assert "40 scans in the tables 20 participants 1 missing" in page
    assert f"{' / '.join(map(str, counts))} ok / check / fail by quality" in page


def test_missing_scans_and_weights_are_listed():
    missing = (Missing("sub-09", "failed in load: <no> scan"),)
    page = page_of(cohort=cohort_of(40, missing=missing, weights_sha256=("ab" * 32, "cd" * 32)))
    assert "failed in load: &lt;no&gt; scan" in page
    assert "1 scan was found or attempted but has no row" in page
    assert f"Weights (SHA-256) {'ab' * 32} , {'cd' * 32}" in text(page)


def test_a_cohort_without_flags_findings_or_metrics_says_so():
    calm = {"flags": None, "n_flags": 0, "n_serious_flags": 0, "quality": "ok", "quality_reasons": None}
    tables = {**changed("quality", **calm), "predictions": changed("predictions", **calm)["predictions"]}
    page = text(page_of(tables))
    assert "No scan is judged as check or fail, and none stands out" in page
    assert "No scan has a flag." in page
    few = tables["statistics"].frame.query("measure == 'predicted_age_years'")
    page = text(page_of({**tables, "statistics": Table(few, {})}))
    assert "No image quality metrics were recorded." in page


def test_equal_cohorts_give_equal_pages_without_outside_addresses():
    pages = {page_of(files=("x.tsv",), command="neurofm a b group") for _ in range(2)}
    (page,) = pages
    assert "<code>x.tsv</code>" in page
    assert "http" not in page.replace("http-equiv", "")
    assert not re.search(r"""(src|href)\s*=\s*["'](?!#|data:|sub-)""", page)


def test_texts_of_the_tables_are_escaped():
    tables = changed("quality", quality="fail", quality_reasons="<img src=x>")
    column = pd.Series(["</template><script>x</script>"] * 40, dtype=object)
    covariates = simulated(40)["covariates"]
    tables["covariates"] = replace(covariates, frame=covariates.frame.assign(odd=column))
    page = page_of(tables)
    assert "&lt;img src=x&gt;" in page
    assert "<img" not in page
    assert page.count("<script") == 1
