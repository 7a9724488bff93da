import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from neurofm_bids.anatomy.weights import bundled_sha256
from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.bids.index import list_images
from neurofm_bids.bids.index_file import write_index
from neurofm_bids.bids.problems import NOT_LAST
from neurofm_bids.config import Centiles, Config, Outputs, Processing, Readouts, Selection
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.registry import model_spec
from neurofm_bids.norms.reference import PUBLISHED
from neurofm_bids.norms.user_reference import make_reference, write_reference
from neurofm_bids.participant.freshness import Cause
from neurofm_bids.participant.job import Job, make_job
from neurofm_bids.participant.plan import make_plan
from neurofm_bids.pipeline.steps import PIPELINE_VERSION
from neurofm_bids.readouts.file import write_readout
from neurofm_bids.records.origin import make_origin
from tests.norms.people import simulated
from tests.readouts.made import made_readout

IMAGE = "sub-01/anat/sub-01_T1w.nii.gz"


def job(root, **groups):
    return make_job(Config(root, root.parent / "out", **groups))


def test_new_scans_are_processed_and_participants_without_any_are_skipped(bids_dataset):
    root = bids_dataset(IMAGE)
    (root / "sub-02").mkdir()
    plan = make_plan(job(root))
    assert [reason.cause for reason in plan.todo.values()] == [Cause.NEW]
    assert plan.table() == [
        ("run", IMAGE, "not processed yet"),
        ("skip", "sub-02", "no T1w image is selected: there is no folder anat. Check the dataset."),
    ]
    assert plan.subjects == {"01"}


def test_the_table_gives_the_error_of_a_scan_that_failed_before(bids_dataset):
    root, failures = (
        bids_dataset(IMAGE),
        {"sub-01": "failed in registration: no overlap. Look.", "sub-1": "x"},
    )
    assert make_plan(job(root)).table(failures) == [("run", IMAGE, failures["sub-01"])]
    forced = make_plan(job(root, outputs=Outputs(force=True)))
    assert forced.table(failures) == [("run", IMAGE, "forced")]


def test_the_table_says_what_to_do_with_images_that_are_not_processed(bids_dataset):
    others = [IMAGE.replace("T1w", suffix) for suffix in ("T1W", "T1w_brain", "part-phase_T1w")]
    table = make_plan(job(bids_dataset(IMAGE, *others))).table()
    whys = {scan.rpartition("sub-01_")[2]: (what, why) for what, scan, why in table}
    assert whys["T1W.nii.gz"] == (
        "cannot run",
        "the suffix is T1W, not T1w. Rename it to end in _T1w.nii.gz.",
    )
    assert whys["T1w_brain.nii.gz"] == ("skip", ". ".join(NOT_LAST))
    assert whys["part-phase_T1w.nii.gz"] == ("skip", "part-phase: not a T1w image by itself")


def test_a_participant_that_was_named_and_has_no_scan_has_failed(bids_dataset):
    root = bids_dataset(IMAGE)
    (root / "sub-02").mkdir()
    plan = make_plan(job(root, selection=Selection(participant_label=("01", "02"))))
    assert [(failure.scan, failure.step) for failure in plan.failed] == [("sub-02", "select")]
    assert plan.subjects == {"01", "02"}


def test_a_target_that_does_not_exist_is_refused_before_any_scan_is_found(bids_dataset):
    with pytest.raises(NeuroFMError, match="open-s has no target height to attribute") as error:
        job(bids_dataset(IMAGE), processing=Processing(attribution=("age", "height")))
    assert error.value.code is Exit.USAGE


def test_force_is_a_reason(bids_dataset):
    plan = make_plan(job(bids_dataset(IMAGE), outputs=Outputs(force=True)))
    assert [reason.cause for reason in plan.todo.values()] == [Cause.FORCED]


@pytest.mark.parametrize(
    ("made", "causes"), [(1.0, [Cause.FORCED]), (3.0, [Cause.DAMAGED]), (None, [Cause.FORCED])]
)
def test_with_an_index_force_is_a_reason_once(bids_dataset, tmp_path, made, causes):
    """A task that is started again leaves what it has done since the index was made."""
    root, index = bids_dataset(IMAGE), tmp_path / "index.jsonl"
    write_index(index, root, ["01"], list_images(root, ["01"]), Selection())
    os.utime(index, (2.0, 2.0))
    forced = job(root, outputs=Outputs(force=True), selection=Selection(index=index))
    if made:
        sidecar = root.parent / "out/sub-01/anat/sub-01_desc-openS_features.json"
        sidecar.parent.mkdir(parents=True)
        sidecar.write_text("{}")
        os.utime(sidecar, (made, made))
    assert [reason.cause for reason in make_plan(forced).todo.values()] == causes


def test_a_task_has_what_the_steps_need(bids_dataset):
    root = bids_dataset(IMAGE)
    (root / "T1w.json").write_text(json.dumps({"EchoTime": 0.004, "PatientName": "X"}))
    made = job(root)
    (scan,) = make_plan(made).todo
    task = made.task(scan)
    assert (task.scan.path, task.scan.subject, task.scan.stem) == (IMAGE, "01", "sub-01")
    assert task.acquisition == {"EchoTime": 0.004}
    assert task.out_dir == root.parent / "out"


@pytest.mark.parametrize(("force", "expected"), [(False, True), (True, False)])
def test_force_processes_again_what_was_finished_before(bids_dataset, monkeypatch, force, expected):
    """What another run finished since this one began is done; with --force what is older is not."""
    root = bids_dataset(IMAGE)
    made = job(root, outputs=Outputs(force=force))
    (scan,) = make_plan(made).todo
    sidecar = made.out.path(scan, "sidecar")
    sidecar.parent.mkdir(parents=True)
    sidecar.write_text("{}")
    monkeypatch.setattr(Job, "why", lambda self, scan: None)
    started = made.started([scan])
    assert started.is_done(scan) is expected
    sidecar.unlink()
    sidecar.write_text('{"new": 1}')
    assert started.is_done(scan) is True


def test_forgetting_a_scan_removes_what_says_that_it_is_finished(tmp_path, bids_dataset):
    made = job(bids_dataset(IMAGE))
    (scan,) = make_plan(made).todo
    sidecar = made.out.path(scan, "sidecar")
    sidecar.parent.mkdir(parents=True)
    sidecar.write_text("{}")
    made.forget(scan)
    assert not sidecar.exists()
    assert isinstance(made.out, Derivatives)
    assert made.out.out_dir == Path(tmp_path / "out")


def origin_of_defaults(anatomy_sha256):
    parameters = Processing().parameters
    return make_origin(PIPELINE_VERSION, model_spec("open-s").sha256, anatomy_sha256, parameters)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, None),
        ({"weights_sha256": "0" * 64}, "other weights of the model"),
        ({"anatomy_weights_sha256": "0" * 64}, "other weights of the segmentation"),
        ({"pipeline_version": PIPELINE_VERSION - 1}, f"by pipeline version {PIPELINE_VERSION - 1}, not"),
        ({"parameters": {"anatomy_phases": 8}}, "made with --anatomy-phases 8, not 2"),
    ],
)
def test_a_reference_made_otherwise_is_refused_before_any_scan(bids_dataset, changes, message):
    root = bids_dataset(IMAGE)
    origin = replace(origin_of_defaults(bundled_sha256()), **changes)
    path = root.parent / "reference.json"
    write_reference(path, make_reference(simulated(1, 30), version="1", origin=origin))
    options = {"centiles": Centiles(reference=path)}
    if message is None:
        assert job(root, **options).reference.about["SHA256"]
        return
    with pytest.raises(NeuroFMError, match=message) as error:
        job(root, **options)
    assert error.value.code is Exit.DATA
    assert str(path) in str(error.value)


@pytest.mark.parametrize("sha256", [None, bundled_sha256()])
def test_a_reference_or_a_run_without_segmentation_still_has_predicted_volumes(bids_dataset, sha256):
    root = bids_dataset(IMAGE)
    reference = make_reference(simulated(1, 30), version="1", origin=origin_of_defaults(sha256))
    path = root.parent / "reference.json"
    write_reference(path, reference)
    without = job(root, centiles=Centiles(reference=path), processing=Processing(no_anatomy=True))
    assert without.reference == reference
    assert job(root, centiles=Centiles(reference=path)).reference == reference
    assert job(root).reference is PUBLISHED


def readout_file(root, **changes):
    anatomy = bundled_sha256()
    origin = make_origin(PIPELINE_VERSION, model_spec("open-s").sha256, anatomy, Processing().parameters)
    path = root.parent / "raven.json"
    return path, write_readout(path, made_readout(origin=replace(origin, **changes)))


def test_readouts_of_the_run_belong_to_its_job(bids_dataset):
    root = bids_dataset(IMAGE)
    path, readout = readout_file(root)
    assert job(root, readouts=Readouts((path,))).readouts[-1] == readout
    assert readout not in job(root).readouts


@pytest.mark.parametrize(
    ("changes", "processing", "why"),
    [
        ({"weights_sha256": "0" * 64}, {}, "its features were made with other weights of the model"),
        ({}, {"views": 2}, "its features were made with --views 8, not 2"),
        ({"pipeline_version": 0}, {}, "its features were made by pipeline version 0"),
    ],
)
def test_a_readout_of_other_features_is_refused_before_any_scan_is_found(
    bids_dataset, changes, processing, why
):
    root = bids_dataset(IMAGE)
    path, _ = readout_file(root, **changes)
    with pytest.raises(NeuroFMError, match=f"the readout raven cannot be used in this run: {why}") as error:
        job(root, readouts=Readouts((path,)), processing=Processing(**processing))
    assert error.value.where == path


def test_readouts_can_be_attributed_by_name(bids_dataset):
    root = bids_dataset(IMAGE)
    path, readout = readout_file(root)
    groups = {"readouts": Readouts((path,)), "processing": Processing(attribution=("raven", "age"))}
    made = job(root, **groups)
    assert [(one.name, one.digest) for one in made.attributed] == [("raven", readout.digest)]
    (scan,) = make_plan(made).todo
    assert made.task(scan).readouts == made.attributed
    with pytest.raises(NeuroFMError, match="open-s has no target raven to attribute"):
        job(root, processing=groups["processing"])
