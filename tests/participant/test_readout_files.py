"""The scores of a scan, as files."""

import json

import numpy as np
import pytest

from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.participant.readout_files import measured_scan, write_profile
from neurofm_bids.pipeline.write import features_table
from neurofm_bids.readouts.profile import profile
from neurofm_bids.readouts.readout import Covariate, Linear
from neurofm_bids.records.schema import from_json
from neurofm_bids.records.score import Profile
from tests.readouts.made import made_readout, with_replicates
from tests.samples import scan_record
from tests.tables import read_rows

RECORD = scan_record()
REGRESSED = made_readout(
    name="regressed",
    covariates=(Covariate("Age"), Covariate("sex", ("F", "M"))),
    functions=(Linear(0.0, (1.0, 0.0), (0.1, 5.0)),),
)
READOUTS = (with_replicates(made_readout(), -0.1, 0.1), made_readout("binary"), REGRESSED)


@pytest.fixture
def out(tmp_path):
    made = Derivatives(tmp_path / "out", "openS")
    made.folder(RECORD.scan).mkdir(parents=True)
    made.path(RECORD.scan, "features").write_text(features_table(np.array([0.5, 0.25], dtype=np.float32)))
    return made


def dataset(folder, participants="participant_id\tAge\tsex\nsub-01\t30\tmale\n"):
    folder.mkdir(exist_ok=True)
    (folder / "participants.tsv").write_text(participants)
    return Covariates(folder)


def written(out, covariates, readouts=READOUTS):
    scores = profile(readouts, measured_scan(out, RECORD, covariates), RECORD.quality.status)
    write_profile(out, RECORD, scores, readouts)
    path = out.path(RECORD.scan, "readouts")
    return read_rows(path), json.loads(path.with_suffix(".json").read_text())


def test_the_table_and_the_profile(out, tmp_path):
    rows, about = written(out, dataset(tmp_path / "bids"))
    assert [(row["domain"], row["name"]) for row in rows] == [
        ("clinical", "depression"),
        ("cognitive", "raven"),
        ("cognitive", "regressed"),
    ]
    assert (rows[1]["value"], rows[1]["lower95"], rows[1]["centile"]) == ("1", "-3", "60")
    assert float(rows[2]["value"]) == pytest.approx(0.5 + 3.0 + 5.0)  # age and sex as they are understood
    stored = from_json(Profile, about["Profile"])
    assert [score.name for score in stored.scores] == ["depression", "raven", "regressed"]
    assert stored.quality == "ok"
    described = {one["Name"]: one for one in about["NeuroFM"]["Readouts"]}
    assert described["raven"]["Training"] == "20 students"
    assert described["raven"]["SHA256"] == READOUTS[0].digest
    assert described["raven"]["HeldOut"]["Metrics"]["r"] == {"Value": 0.1, "Interval95": [-0.2, 0.4]}
    assert described["regressed"]["Covariates"] == ["Age", "sex"]
    assert set(rows[0]) <= set(about)
    assert "not a diagnosis" in about["Description"]


def test_a_covariate_that_is_not_known_leaves_the_reason(out, tmp_path):
    rows, _ = written(out, dataset(tmp_path / "bids", "participant_id\tAge\tsex\nsub-01\tn/a\tF\n"))
    assert (rows[2]["value"], rows[2]["readout_notes"]) == ("n/a", "covariate_unknown")
    assert rows[2]["reason"] == "the covariate Age is not known"
    assert rows[1]["value"] == "1"


def test_the_sex_may_be_in_a_column_of_another_name(out, tmp_path):
    rows, _ = written(out, dataset(tmp_path / "bids", "participant_id\tage\tgender\nsub-01\t30\tmale\n"))
    assert float(rows[2]["value"]) == pytest.approx(0.5 + 3.0 + 5.0)


def test_image_quality_metrics_can_be_covariates(out, tmp_path):
    function = Linear(0.0, (1.0, 0.0), (10.0,))
    readout = made_readout(name="snr", covariates=(Covariate("snr_brain"),), functions=(function,))
    (row,), _ = written(out, dataset(tmp_path / "bids"), [readout])
    assert float(row["value"]) == pytest.approx(0.5 + 10 * RECORD.image_quality["snr_brain"])


def test_without_readouts_the_files_of_others_do_not_stay(out, tmp_path):
    covariates = dataset(tmp_path / "bids")
    written(out, covariates)
    centiles = out.path(RECORD.scan, "centiles")
    centiles.write_text("not touched")
    write_profile(out, RECORD, None, ())
    assert sorted(path.name for path in out.folder(RECORD.scan).iterdir()) == sorted(
        [centiles.name, out.path(RECORD.scan, "features").name]
    )


@pytest.mark.parametrize("text", ["f000\tf001\n1\tinf\n", None])
def test_features_that_cannot_be_read_are_an_error_with_their_place(out, tmp_path, text):
    path = out.path(RECORD.scan, "features")
    path.write_text(text) if text else path.unlink()
    with pytest.raises(NeuroFMError, match="the features cannot be read") as caught:
        measured_scan(out, RECORD, dataset(tmp_path / "bids"))
    assert caught.value.where == path
