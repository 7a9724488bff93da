from dataclasses import replace

import pytest

from neurofm_bids.bids.derived import DerivedFile
from neurofm_bids.config import Config, Outputs, Processing, Running
from neurofm_bids.named_path import NamedPath
from neurofm_bids.participant.freshness import Cause, Reason
from neurofm_bids.participant.job import make_job
from neurofm_bids.participant.plan import make_plan
from neurofm_bids.pipeline.hand_over import (
    remove_hand_over,
    signature_path,
    write_hand_over,
    write_hand_over_failure,
)
from neurofm_bids.pipeline.provenance import identify_input
from neurofm_bids.pipeline.step import record
from neurofm_bids.pipeline.steps import PIPELINE_VERSION
from neurofm_bids.records.failure import Failure
from neurofm_bids.records.scan import DerivedImage, Input

IMAGE = "sub-01/anat/sub-01_T1w.nii.gz"


@pytest.fixture
def dataset(bids_dataset):
    return bids_dataset(IMAGE)


def job(root, stage="all", **groups):
    return make_job(Config(root, root.parent / "out", running=Running(stage=stage), **groups))


def scan_of(made):
    plan = make_plan(replace(made, config=replace(made.config, running=Running())))
    return (*plan.todo, *plan.done)[0]


def preprocess(made, version=PIPELINE_VERSION, parameters=None):
    """Leave what the stage of preprocessing leaves, without images."""
    scan = scan_of(made)
    values = {"input": identify_input(scan.path), "derived": ()}
    kinds = {"input": record(Input | None), "derived": record(tuple[DerivedImage, ...])}
    settings = made.config.processing.of_preprocessing if parameters is None else parameters
    folder = made.out.interim(scan)
    write_hand_over(folder, values, kinds, pipeline_version=version, parameters=settings)
    return scan


def test_tasks_know_their_stage(dataset):
    made = job(dataset, "encode")
    task = made.task(scan_of(made))
    assert (task.stage, task.keep_interim, task.derived) == ("encode", False, ())


@pytest.mark.parametrize(
    ("stage", "ending"),
    [("all", "sub-01_desc-openS_features.json"), ("preprocess", "interim/sub-01/signature.json")],
)
def test_the_marker_of_a_stage_is_what_it_writes_last(dataset, stage, ending):
    made = job(dataset, stage)
    assert str(made.marker(scan_of(made))).endswith(ending)


@pytest.mark.parametrize(
    ("change", "cause", "text"),
    [
        (lambda made: preprocess(made), None, ""),
        (lambda made: None, Cause.NEW, "not preprocessed yet"),
        (
            lambda made: preprocess(made, version=PIPELINE_VERSION - 1),
            Cause.PIPELINE,
            f"preprocessed by pipeline version {PIPELINE_VERSION - 1}, now {PIPELINE_VERSION}",
        ),
        (
            lambda made: preprocess(
                made, parameters={**made.config.processing.of_preprocessing, "encode_space": "native"}
            ),
            Cause.SETTINGS,
            "preprocessed with encode_space=native, now rigid",
        ),
        (lambda made: preprocess(made).path.write_bytes(b"new"), Cause.IMAGE, "the image has changed"),
        (
            lambda made: (made.out.interim(preprocess(made)) / "input.json").unlink(),
            Cause.DAMAGED,
            "what preprocessing left is incomplete",
        ),
    ],
)
def test_why_a_scan_is_preprocessed(dataset, change, cause, text):
    made = job(dataset, "preprocess")
    scan = scan_of(made)
    change(made)
    reason = made.why(scan)
    assert (reason and reason.cause, reason.text if reason else "") == (cause, text)
    error = made.why_not_encoded(scan)
    assert (error is None) == (cause is None)
    assert error is None or text in error.what


def test_other_settings_of_the_networks_need_no_preprocessing(dataset):
    scan = preprocess(job(dataset))
    other = job(dataset, "preprocess", processing=Processing(views=1, no_anatomy=True, precision="bfloat16"))
    assert other.why(scan) is None
    assert job(dataset, "preprocess", processing=Processing(encode_space="native")).why(scan) is not None


def test_a_finished_scan_is_not_preprocessed_again(dataset, monkeypatch):
    made = job(dataset, "preprocess")
    monkeypatch.setattr("neurofm_bids.participant.job.why_process", lambda *args: None)
    assert made.why(scan_of(made)) is None


def test_the_plan_of_each_stage(dataset):
    encode, prepare = job(dataset, "encode"), job(dataset, "preprocess")
    assert make_plan(prepare).table() == [("preprocess", IMAGE, "not preprocessed yet")]
    (failure,) = make_plan(encode).failed
    assert (failure.step, failure.reason) == (
        "select",
        "the scan has to be preprocessed first (not preprocessed yet)",
    )
    assert failure.fix == "Run the same command with --stage preprocess."
    scan = scan_of(prepare)
    write_hand_over_failure(
        prepare.out.interim(scan),
        Failure(IMAGE, "01", "sub-01", "registration", "no overlap", "Look.", "Trace"),
    )
    (failure,) = make_plan(encode).failed
    assert (failure.step, failure.reason, failure.traceback) == ("registration", "no overlap", "")
    assert failure.fix == "Look. Then run the stage of preprocessing again."
    preprocess(prepare)
    assert make_plan(prepare).table() == [("up to date", IMAGE, "it is preprocessed, or its outputs exist")]
    assert make_plan(encode).table({"sub-01": "failed before"}) == [("encode", IMAGE, "not processed yet")]
    assert make_plan(encode).failed == ()


def test_forced_preprocessing_is_done_once(dataset):
    made = job(dataset, "preprocess", outputs=Outputs(force=True))
    scan = preprocess(made)
    assert make_plan(made).table() == [("preprocess", IMAGE, "forced")]
    started = made.started([scan])
    assert not started.is_done(scan)
    signature_path(made.out.interim(scan)).write_text("{}")
    preprocess(made)
    assert started.is_done(scan)


@pytest.fixture
def given(tmp_path):
    """The mask of the scan in a derivative."""
    path = tmp_path / "given/sub-01/anat/sub-01_desc-brain_mask.nii.gz"
    path.parent.mkdir(parents=True)
    path.write_text("mask")
    return path


def masked(dataset, path, stage="all", **groups):
    derivative = NamedPath("x", path.parents[2])
    processing = Processing(skull_strip="derivatives", derivatives=(derivative,))
    return job(dataset, stage, processing=processing, **groups)


def test_images_of_derivatives_are_looked_up(dataset, given):
    made = masked(dataset, given)
    (scan,) = make_plan(made).todo
    file = DerivedFile("mask", given, "x", "sub-01/anat/sub-01_desc-brain_mask.nii.gz")
    assert made.task(scan).derived == (file,)
    given.unlink()
    (failure,) = make_plan(masked(dataset, given)).failed
    assert failure.reason.startswith("x has no brain mask of this image: looked for")


@pytest.mark.parametrize("stage", ["all", "preprocess"])
def test_a_derivative_that_vanishes_during_a_run_does_not_end_it(dataset, given, stage):
    made = masked(dataset, given, stage)
    (scan,) = make_plan(made).todo
    started = made.started([scan])
    given.unlink()
    assert started.why(scan) is not None
    assert not started.is_done(scan)
    assert [file.path for file in started.task(scan).derived] == [given]


def test_a_derivative_that_cannot_be_read_fails_its_scan_alone(bids_dataset, given):
    other = given.parents[2] / "sub-02/anat"
    other.parent.mkdir()
    other.symlink_to("anat")  # listing it gives ELOOP
    made = masked(bids_dataset(IMAGE, IMAGE.replace("01", "02")), given)
    plan = make_plan(made)
    (failure,) = plan.failed
    assert [scan.stem for scan in plan.todo] == ["sub-01"]
    assert failure.reason == "the symbolic link is circular (x: sub-02/anat)"


def test_a_finished_scan_stays_finished_when_its_derivative_is_archived(dataset, given, monkeypatch, caplog):
    given.unlink()
    monkeypatch.setattr("neurofm_bids.participant.job.why_process", lambda *args: None)
    plan = make_plan(masked(dataset, given))
    assert ([scan.stem for scan in plan.done], plan.failed) == (["sub-01"], ())
    assert "Derivative no longer found of 1 scans, whose outputs are kept (sub-01): x has no" in caplog.text
    forced = make_plan(masked(dataset, given, outputs=Outputs(force=True)))
    assert (forced.done, [failure.scan for failure in forced.failed]) == ((), [IMAGE])


@pytest.mark.parametrize(
    ("cause", "reports_only", "is_kept"),
    [(Cause.SETTINGS, True, True), (Cause.NEW, True, False), (Cause.SETTINGS, False, False)],
)
def test_reports_need_no_derivative(dataset, given, monkeypatch, cause, reports_only, is_kept):
    given.unlink()
    monkeypatch.setattr("neurofm_bids.participant.job.why_process", lambda *args: Reason(cause, "because"))
    plan = make_plan(masked(dataset, given, outputs=Outputs(reports_only=reports_only)))
    assert (len(plan.todo), len(plan.failed)) == ((1, 0) if is_kept else (0, 1))


def test_a_preprocessed_scan_is_encoded_without_its_derivative(dataset, given):
    (scan,) = make_plan(masked(dataset, given)).todo
    values = {"input": identify_input(scan.path)}
    values["derived"] = (DerivedImage("mask", "x", given.name, "", identify_input(given)),)
    kinds = {"input": record(Input | None), "derived": record(tuple[DerivedImage, ...])}
    made = masked(dataset, given, "encode")
    settings = made.config.processing.of_preprocessing
    write_hand_over(
        made.out.interim(scan), values, kinds, pipeline_version=PIPELINE_VERSION, parameters=settings
    )
    given.unlink()
    plan = make_plan(made)
    assert (list(plan.todo), plan.failed) == ([scan], ())
    remove_hand_over(made.out.interim(scan))
    (failure,) = make_plan(made).failed
    assert failure.reason.startswith("x has no brain mask of this image")
