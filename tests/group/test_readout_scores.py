"""Scores that the participant level wrote."""

from dataclasses import replace

import pytest

from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.demographics import Person
from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.group.cohort import collect
from neurofm_bids.group.member import make_member
from neurofm_bids.group.readout_scores import of_one_readout, read_scores
from neurofm_bids.participant.readout_files import write_profile
from neurofm_bids.readouts.apply import Measured
from neurofm_bids.readouts.profile import profile
from neurofm_bids.records.schema import from_json, to_json
from neurofm_bids.records.score import Profile
from tests.readouts.made import made_readout
from tests.samples import one_folder, scan_record, write_scan

SCAN = Measured({"f000": 0.5, "f001": 0.25})
SCORES = profile([made_readout()], SCAN, "ok")


def write_scores(out, subject, readout):
    record, names = scan_record(subject), Derivatives(out, "openS")
    write_profile(names, record, profile([readout], SCAN, "ok"), [readout])
    return names.path(record.scan, "readouts")


def test_scores_are_read_as_they_were_written(tmp_path):
    write_scores(tmp_path, "01", made_readout())
    out = Derivatives(tmp_path, "openS")
    assert read_scores(out, scan_record().scan) == (from_json(Profile, to_json(SCORES)).scores, "")
    assert read_scores(out, scan_record("02").scan) == ((), "")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"Profile": {"Quality": 1}}'])
def test_scores_that_cannot_be_read_are_left_out(tmp_path, text):
    write_scores(tmp_path, "01", made_readout()).with_suffix(".json").write_text(text)
    scores, problem = read_scores(Derivatives(tmp_path, "openS"), scan_record().scan)
    assert scores == ()
    assert problem.startswith("The scores of sub-01 cannot be read and are left out: ")


def test_scores_by_another_readout_of_the_name_are_left_out(tmp_path):
    other, grip = made_readout(residual_quantile=1.0), made_readout(name="grip")
    members = [
        replace(
            make_member(scan_record(subject), Person()), scores=profile([readout, grip], SCAN, "ok").scores
        )
        for subject, readout in (("01", made_readout()), ("02", other), ("03", made_readout()))
    ]
    kept, (warning,) = of_one_readout(members)
    assert [[score.name for score in member.scores] for member in kept] == [
        ["raven", "grip"],
        ["grip"],
        ["raven", "grip"],
    ]
    assert warning.startswith("Scores of raven by another readout of this name: 1 scans (sub-02). ")
    assert of_one_readout(members[:1]) == (tuple(members[:1]), ())


def test_the_cohort_has_the_scores_and_the_warning(tmp_path):
    for subject, readout in (("01", made_readout()), ("02", made_readout(residual_quantile=1.0))):
        (tmp_path / "bids" / f"sub-{subject}").mkdir(parents=True)
        write_scan(tmp_path / "out", f"sub-{subject}")
        write_scores(tmp_path / "out", subject, readout)
    cohort = collect(one_folder(tmp_path / "out", Covariates(tmp_path / "bids")))
    assert sorted(len(member.scores) for member in cohort.members) == [0, 1]
    assert any("by another readout of this name" in warning for warning in cohort.warnings)
