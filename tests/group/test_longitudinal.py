"""Age gap and change of a cohort of output folders, as the group level writes them."""

import pytest

from neurofm_bids.analysis_options import Analyses
from neurofm_bids.group.run import write_group
from tests.samples import prediction, write_scan
from tests.tables import read_rows

PEOPLE = 36
SETTINGS = """
[age_gap]
controls = ["group=control"]
associations = ["moca"]
quality = ["snr_brain"]

[change]
covariates = ["group"]
error_sd = { predicted_age_years = 2.0 }
"""


@pytest.fixture
def written(tmp_path):
    """People with two sessions a year and a half apart, who look 1.5 years older each year."""
    out, bids = tmp_path / "out", tmp_path / "bids"
    people = ["participant_id\tgroup\tmoca"]
    for number in range(PEOPLE):
        label, age = f"sub-{number:02d}", 30.0 + 2 * number + (number % 3)
        group = "case" if number % 3 == 2 else "control"
        people.append(f"{label}\t{group}\t{25 + number % 4}")
        sessions = ["session_id\tage\tacq_time"]
        for session, years in (("a", 0.0), ("b", 1.5)):
            predictions = {"age": prediction(45 + 0.5 * (age - 30) + 1.5 * years + number % 2)}
            metrics = {"snr_brain": 12.0 + number % 7}
            write_scan(
                out, f"{label}_ses-{session}", seed=number, predictions=predictions, image_quality=metrics
            )
            date = "2012-01-01T00:00:00" if session == "a" else "2013-07-01T15:00:00"
            sessions.append(f"ses-{session}\t{age + years}\t{date}")
        (bids / label).mkdir(parents=True)
        (bids / label / f"{label}_sessions.tsv").write_text("\n".join(sessions) + "\n")
    (bids / "participants.tsv").write_text("\n".join(people) + "\n")
    config = tmp_path / "cohort.toml"
    config.write_text(SETTINGS)
    write_group(out, "openS", bids_dir=bids, analyses=Analyses(group_config=config))
    return out


def test_the_tables_of_age_gap_and_change_are_written(written):
    gaps = read_rows(written / "group_desc-openS_agegap.tsv")
    assert len(gaps) == 2 * PEOPLE
    assert {row["is_control"] for row in gaps} == {"true", "false"}
    assert all(row["age_gap_corrected_years"] != "n/a" for row in gaps)
    assert all((row["fold"] == "n/a") == (row["is_control"] == "false") for row in gaps)
    (row,) = read_rows(written / "group_desc-openS_associations.tsv")
    assert (row["column"], row["standard_errors"], row["people"]) == ("moca", "cluster", str(PEOPLE))
    changes = read_rows(written / "group_desc-openS_change.tsv")
    assert len(changes) == PEOPLE
    assert {row["time_source"] for row in changes} == {"date"}
    assert {round(float(row["change_per_year"]), 2) for row in changes} == {1.5}
    assert {row["error_sd"] for row in changes} == {"2"}
    assert {row["reliable_change"] for row in changes} == {"none"}
    terms = {row["term"]: row for row in read_rows(written / "group_desc-openS_mixedmodel.tsv")}
    assert float(terms["years"]["estimate"]) == pytest.approx(1.5, abs=0.01)
    assert {"age_at_first_scan", "group[case]", "years:group[case]"} <= set(terms)
