"""Scores of the rows of tables."""

import csv
import io
import json

import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.group.score_table import score_table
from neurofm_bids.readouts.readout import Covariate, Linear
from tests.readouts.made import made_readout

FEATURES = "participant_id\tsession_id\tscan\tf000\tf001\tquality\n{}"
ROWS = "sub-01\tn/a\ta\t0.5\t0.25\tok\nsub-02\tn/a\tb\t1.5\t0.25\tfail\n"


@pytest.fixture
def features(tmp_path):
    path = tmp_path / "group_features.tsv"
    path.write_text(FEATURES.format(ROWS))
    return path


def scored(*arguments):
    return list(csv.DictReader(io.StringIO(score_table(*arguments)), delimiter="\t"))


def test_each_row_has_its_scores(features):
    rows = scored([made_readout(), made_readout("binary")], features)
    assert [row["scan"] for row in rows] == ["a", "b"]
    assert [row["readout_raven"] for row in rows] == ["1", "2"]
    assert [row["readout_raven_notes"] for row in rows] == ["n/a", "quality_failed"]
    assert 0 < float(rows[0]["readout_depression"]) < 1


def test_covariates_and_volumes_come_from_other_tables(features, tmp_path):
    covariates, volumes = tmp_path / "covariates.tsv", tmp_path / "volumes.tsv"
    covariates.write_text(
        "participant_id\tsex\tage\tchronological_age_years\tf000\nsub-02\tM\t20Y\t20\t99\nsub-01\tF\t30Y\t30\t99\n"
    )
    features.write_text(features.read_text().replace("\tf001", "\tother"))
    volumes.write_text("scan\tleft_hippocampus_mm3\nb\t10\na\t0\n")
    regressed = made_readout(
        features=("f000", "left_hippocampus"),
        feature_set="both",
        covariates=(Covariate("age"), Covariate("sex", ("F", "M"))),
        functions=(Linear(0.0, (1.0, 100.0), (0.1, 3.0)),),
    )
    first, second = scored([regressed], features, [covariates, volumes])
    assert (first["readout_raven"], first["readout_raven_notes"]) == ("n/a", "volume_unknown")
    assert float(second["readout_raven"]) == pytest.approx(1.5 + 1000 + 2 + 3)


def test_a_table_of_another_number_of_features_has_no_scores(tmp_path):
    path = tmp_path / "features.tsv"
    path.write_text("f000\tf001\tf002\n0.5\t0.25\t1\n")
    (row,) = scored([made_readout()], path)
    assert (row["readout_raven"], row["readout_raven_notes"]) == ("n/a", "made_otherwise")
    path.write_text("f000\tf001\n0.5\tn/a\n")
    (row,) = scored([made_readout()], path)
    assert (row["readout_raven"], row["readout_raven_notes"]) == ("n/a", "feature_unknown")


def test_a_table_without_the_features_is_refused(tmp_path):
    path = tmp_path / "participants.tsv"
    path.write_text("participant_id\tage\nsub-01\t30\n")
    with pytest.raises(NeuroFMError, match=r"raven needs columns that no table has \(f000, f001\)"):
        score_table([made_readout()], path)


def test_covariates_that_no_table_has_are_named_once(features, tmp_path, caplog):
    both = made_readout(
        covariates=(Covariate("age"), Covariate("sex", ("F", "M"))),
        functions=(Linear(0.0, (1.0, 1.0), (0.1, 3.0)),),
    )
    assert {row["readout_raven_notes"] for row in scored([both], features)} == {"covariate_unknown"}
    (record,) = caplog.records
    assert record.getMessage() == (
        "No scores of raven: no table has the columns of age, sex. Add tables with --tables."
    )
    caplog.clear()
    (tmp_path / "more.tsv").write_text("scan\tAge\tSEX\na\t30\tF\nb\t40\tM\n")
    assert {row["readout_raven_notes"] for row in scored([both], features, [tmp_path / "more.tsv"])} == {
        "n/a",
        "quality_failed",
    }
    assert not caplog.records


def test_a_table_of_one_scan_has_no_names(tmp_path):
    path = tmp_path / "features.tsv"
    path.write_text("f000\tf001\n0.5\t0.25\n")
    (row,) = scored([made_readout()], path)
    assert next(iter(row)) == "readout_raven"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "participant_id\tage\nsub-01\t1\nsub-01\t2\n",
            "no column scan or participant_id whose values differ",
        ),
        ("age\n1\n", "no column scan or participant_id whose values differ"),
        ("age\n", "the table has no rows"),
    ],
)
def test_tables_that_cannot_be_joined_are_refused(features, tmp_path, text, message):
    (tmp_path / "a.tsv").write_text(text)
    with pytest.raises(NeuroFMError, match=message):
        score_table([made_readout()], features, [tmp_path / "a.tsv"])


def test_a_table_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(NeuroFMError, match="table not found"):
        score_table([made_readout()], tmp_path / "a.tsv")


@pytest.mark.parametrize("made", [{"WeightsSHA256": "0" * 64}, {"Model": {"WeightsSHA256": "0" * 64}}])
def test_features_of_another_model_are_refused(features, made):
    features.with_suffix(".json").write_text(json.dumps({"NeuroFM": made}))
    with pytest.raises(
        NeuroFMError, match="raven cannot be used for these features: they were made with other"
    ):
        score_table([made_readout()], features)
    own = {"WeightsSHA256": made_readout().origin.weights_sha256}
    features.with_suffix(".json").write_text(json.dumps({"NeuroFM": own}))
    assert score_table([made_readout()], features)


def test_two_readouts_of_one_name_are_refused(features):
    with pytest.raises(NeuroFMError, match="raven and Raven"):
        score_table([made_readout(), made_readout(name="Raven")], features)
