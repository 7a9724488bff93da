import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from neurofm_bids.anatomy.weights import bundled_sha256
from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.bids.derived import DerivedFile
from neurofm_bids.bids.discovery import find_scans
from neurofm_bids.bids.output import ANATOMY, ATTRIBUTION
from neurofm_bids.config import Config, Outputs, Processing
from neurofm_bids.explain.readout import LinearReadout
from neurofm_bids.participant.freshness import Cause, is_older, why_process
from neurofm_bids.participant.lookup import Lookup
from neurofm_bids.pipeline.provenance import identify_input
from neurofm_bids.pipeline.steps import PIPELINE_VERSION
from neurofm_bids.records.attribution import Attribution
from neurofm_bids.records.scan import DerivedImage, Input
from neurofm_bids.records.schema import to_json
from neurofm_bids.storage.atomic import file_sha256
from tests.samples import scan_record

SHA = "ab" * 32


@pytest.fixture
def finished(bids_dataset):
    """A scan with outputs that are up to date: scan, names, and the settings of the run."""
    root = bids_dataset("sub-01/anat/sub-01_T1w.nii.gz")
    config = Config(root, root.parent / "out")
    (scan,) = find_scans(config).scans
    out = Derivatives(config.out_dir, "openS")
    for path in out.required(scan, {ANATOMY}):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    status, made = scan.path.stat(), scan_record().provenance
    source = Input(file_sha256(scan.path), status.st_size, status.st_mtime_ns)
    processing = config.processing
    values = write(
        out.path(scan, "sidecar"),
        replace(
            made,
            pipeline_version=PIPELINE_VERSION,
            input=source,
            parameters=processing.parameters,
            parameters_hash=processing.parameters_hash,
        ),
    )
    out.path(scan, "predictions").write_text(json.dumps(values))
    return scan, out, config


def write(path, provenance):
    values = replace(scan_record(), provenance=provenance).to_dict()
    path.write_text(json.dumps({"NeuroFM": values["Provenance"]}))
    return values


def reason(finished, **changes):
    scan, out, config = finished
    return why_process(scan, out, replace(config, **changes), SHA)


def test_outputs_of_this_run_are_up_to_date(finished):
    assert reason(finished) is None


def test_another_version_of_the_package_does_not_matter(finished):
    scan, out, _ = finished
    for name, key in (("sidecar", "NeuroFM"), ("predictions", "Provenance")):
        values = json.loads(out.path(scan, name).read_text())
        values[key]["Version"] = "9.9"
        out.path(scan, name).write_text(json.dumps(values))
    assert reason(finished) is None


def test_another_version_of_the_pipeline_does(finished):
    scan, out, _ = finished
    path = out.path(scan, "sidecar")
    values = json.loads(path.read_text())
    values["NeuroFM"]["PipelineVersion"] = PIPELINE_VERSION - 1
    path.write_text(json.dumps(values))
    why = reason(finished)
    assert (why.cause, why.cause.is_of_the_run) == (Cause.PIPELINE, True)
    assert why.text == f"made by pipeline version {PIPELINE_VERSION - 1}, now {PIPELINE_VERSION}"


@pytest.mark.parametrize(
    ("changes", "cause", "text"),
    [
        ({"processing": Processing(views=3)}, Cause.SETTINGS, "made with views=8, now 3"),
        (
            {"processing": Processing(template="MNI152NLin6Asym")},
            Cause.SETTINGS,
            "made with template=MNI152NLin2009cAsym, now MNI152NLin6Asym",
        ),
        ({"processing": Processing(device="cpu", batch_size=4)}, None, ""),
        ({"outputs": Outputs(output_images=True)}, Cause.DAMAGED, "an output is missing"),
        (
            {"processing": Processing(attribution=("sex", "age"))},
            Cause.SETTINGS,
            "made without the attribution of age, sex",
        ),
    ],
)
def test_settings(finished, changes, cause, text):
    why = reason(finished, **changes)
    assert (why and why.cause, why.text if why else "") == (cause, text)


def test_other_weights(finished):
    scan, out, config = finished
    assert why_process(scan, out, config, "cd" * 32).cause is Cause.WEIGHTS


@pytest.mark.parametrize(
    ("name", "text", "cause"),
    [
        ("mask", "", Cause.DAMAGED),
        ("affine", None, Cause.DAMAGED),
        ("predictions", "{", Cause.DAMAGED),
        ("predictions", "{}", Cause.DAMAGED),
        ("predictions", "[" * 100_000, Cause.DAMAGED),
        ("predictions", json.dumps(scan_record().to_dict()), Cause.DAMAGED),  # of another run
        ("sidecar", "{}", Cause.DAMAGED),
        ("sidecar", '{"NeuroFM": {}}', Cause.DAMAGED),
        ("sidecar", None, Cause.NEW),
    ],
)
def test_damaged_outputs(finished, name, text, cause):
    scan, out, _ = finished
    path = out.path(scan, name)
    path.unlink() if text is None else path.write_text(text)
    assert reason(finished).cause is cause
    assert not cause.is_of_the_run


def test_a_record_with_a_value_of_another_type_is_damaged(finished):
    scan, out, _ = finished
    path = out.path(scan, "predictions")
    path.write_text(path.read_text().replace('"Views": 8', '"Views": "8"'))
    assert reason(finished).cause is Cause.DAMAGED


def test_the_image_counts_by_its_bytes(finished):
    scan, _, _ = finished
    os.utime(scan.path, (1, 1))
    assert reason(finished) is None
    scan.path.write_bytes(scan.path.read_bytes() + b"\0")
    assert reason(finished).cause is Cause.IMAGE


def test_outputs_in_a_folder_that_cannot_be_read_are_damaged(finished, monkeypatch):
    scan, out, config = finished

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", refuse)
    reason = why_process(scan, out, config, SHA)
    assert (reason.cause, reason.text) == (Cause.DAMAGED, "its outputs cannot be read")


def test_other_weights_of_the_segmentation_are_noticed(finished):
    scan, out, config = finished
    path = out.path(scan, "predictions")
    values = json.loads(path.read_text())
    for sha256, expected in ((bundled_sha256(), None), ("0" * 64, "segmented with other weights")):
        values["Anatomy"] = {"Volumes": {}, "Phases": 2, "WeightsSHA256": sha256}
        path.write_text(json.dumps(values))
        found = why_process(scan, out, config, SHA)
        assert (found and found.text) == expected


def with_attribution(finished, digest):
    scan, out, _ = finished
    path = out.path(scan, "predictions")
    values = json.loads(path.read_text())
    made = Attribution("Raven", "points", 1.0, 0.0, 0.01, 0.01, 12, readout_digest=digest)
    values["Attributions"] = {"raven": to_json(made)}
    path.write_text(json.dumps(values))
    for missing in out.required(scan, {ANATOMY, ATTRIBUTION}):
        if not missing.is_file():
            missing.write_text("{}")


@pytest.mark.parametrize(
    ("made", "wanted", "text"),
    [
        ("ab", "ab", ""),
        ("ab", "cd", "made without the attribution of raven"),
        (None, "ab", "made without the attribution of raven"),
    ],
)
def test_the_attribution_of_another_readout_is_not_that_of_this_one(finished, made, wanted, text):
    with_attribution(finished, made)
    scan, out, config = finished
    config = replace(config, processing=Processing(attribution=("raven",)))
    readout = LinearReadout("raven", "Raven", "points", (1.0,), digest=wanted)
    why = why_process(scan, out, config, SHA, [readout])
    assert (why.text if why else "") == text


@pytest.mark.parametrize(("seconds", "expected"), [(1.0, True), (2.0, True), (3.0, False), (None, True)])
def test_files_that_are_older_or_absent(tmp_path, seconds, expected):
    path, than = tmp_path / "a", tmp_path / "b"
    than.touch()
    os.utime(than, (2.0, 2.0))
    if seconds:
        path.touch()
        os.utime(path, (seconds, seconds))
    assert is_older(path, than) is expected


@pytest.mark.parametrize(
    ("made", "now", "what"),
    [
        ((), (), None),
        (("mask",), ("mask",), None),
        (("mask", "transform"), ("mask", "transform"), None),
        ((), ("mask",), "brain mask"),
        (("mask",), (), "brain mask"),
        (("mask",), ("mask", "transform"), "transform"),
        (("mask", "transform"), ("mask",), "transform"),
        (("bias_correction",), ("mask",), "bias-corrected T1w"),
    ],
)
@pytest.mark.parametrize("is_changed", [False, True])
def test_files_of_other_programs_count_by_their_bytes(finished, tmp_path, made, now, what, is_changed):
    scan, out, config = finished
    path = out.path(scan, "predictions")
    values = json.loads(path.read_text())
    files = {use: tmp_path / use for use in ("mask", "transform", "bias_correction")}
    for use, file in files.items():
        file.write_text(use)
    values["Derived"] = [to_json(DerivedImage(use, "x", use, "", identify_input(files[use]))) for use in made]
    path.write_text(json.dumps(values))
    if is_changed and made:
        files[made[-1]].write_text("other")
    transform = files["transform"] if "transform" in now else None
    given = [DerivedFile(use, files[use], "x", use, "", transform) for use in now if use != "transform"]
    why = why_process(scan, out, config, SHA, (), Lookup(tuple(given)))
    if what is None and not (is_changed and made):
        assert why is None
    else:
        assert why.cause is Cause.IMAGE
        assert ("of another program has changed" if is_changed or not what else what) in why.text


def test_files_of_other_programs_that_are_not_found_are_not_compared(finished, tmp_path):
    scan, out, config = finished
    path, mask, image = out.path(scan, "predictions"), tmp_path / "mask", tmp_path / "image"
    values = json.loads(path.read_text())
    for file in (mask, image):
        file.write_text("x")
    uses = {"mask": mask, "transform": mask, "bias_correction": image}
    values["Derived"] = [to_json(DerivedImage(use, "x", use, "", identify_input(uses[use]))) for use in uses]
    path.write_text(json.dumps(values))
    corrected = DerivedFile("bias_correction", image, "x", "image")
    lookup = Lookup((corrected,), frozenset({"mask", "transform"}), ("no mask", ""))
    assert why_process(scan, out, config, SHA, (), lookup) is None
    image.unlink()  # since it was found
    assert why_process(scan, out, config, SHA, (), lookup) is None
    image.write_text("other")
    reason = why_process(scan, out, config, SHA, (), lookup)
    assert reason.text == "the bias-corrected T1w of another program has changed"
