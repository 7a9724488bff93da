from dataclasses import replace

import pytest

from neurofm_bids.bids.derived import DerivedFile
from neurofm_bids.config import Config, Outputs, Processing, Running
from neurofm_bids.derivative_options import GivenDerivative
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.participant.freshness import Cause
from neurofm_bids.participant.job import Job, make_job
from neurofm_bids.participant.plan import make_plan
from neurofm_bids.pipeline.hand_over import signature_path, write_hand_over, write_hand_over_failure
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


def test_images_of_derivatives_are_looked_up(dataset, tmp_path):
    given = tmp_path / "given"
    path = given / "sub-01/anat/sub-01_desc-brain_mask.nii.gz"
    processing = Processing(skull_strip="derivatives", derivatives=(GivenDerivative("x", given),))
    made = job(dataset, processing=processing)
    given.mkdir()
    (failure,) = make_plan(made).failed
    assert failure.reason.startswith("x has no brain mask of this image: looked for")
    path.parent.mkdir(parents=True)
    path.write_text("mask")
    (scan,) = make_plan(made).todo
    assert made.task(scan).derived == (DerivedFile("mask", path, "x", path.relative_to(given).as_posix()),)
    path.unlink()
    with pytest.raises(NeuroFMError, match="no brain mask"):
        Job(made.config, made.out, made.spec, "").derived(scan)
