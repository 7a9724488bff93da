import hashlib
from types import SimpleNamespace

import numpy as np
import pytest

from neurofm_bids.bids.derived import DerivedFile
from neurofm_bids.config import Processing
from neurofm_bids.pipeline.provenance import derived_images, identify_input, make_record, software
from neurofm_bids.pipeline.task import Task
from neurofm_bids.records.anatomy import Anatomy, Volume
from neurofm_bids.records.flag import Flag
from neurofm_bids.records.prediction import Prediction
from neurofm_bids.records.scan import DerivedImage, Identity, Input
from tests.samples import AGE, MEASUREMENTS

OLD = Prediction(99.0, None, None, "year", (18.0, 95.0), False, "Predicted age", "Age of the brain")
PROBABILITY = Prediction(0.5, None, None, "1", (0.0, 1.0), True, "Probability", "Of male", "male")


def volume(mm3):
    return Prediction(mm3, None, None, "mm^3", (0.0, 2e6), True, "Predicted volume", "A volume")


DERIVED = DerivedImage("mask", "fmriprep", "sub-01/anat/mask.nii.gz", "fMRIPrep 1", Input("ab", 3, 4))


def made(prediction, anatomy=None, **volumes):
    known = {"sex": PROBABILITY, "brain_volume": volume(1e6), "ventricular_volume": volume(2e4)}
    encoding = SimpleNamespace(
        predictions={"age": prediction, **known, **volumes},
        views=1,
        zscore_mean=1.0,
        zscore_sd=2.0,
        features=np.zeros(3),
    )
    task = Task("x", Identity(), {"EchoTime": 0.004}, Processing(views=1), "ab" * 32)
    return make_record(
        task,
        encoding,
        7,
        input=None,
        derived=(DERIVED,),
        brain_extraction=MEASUREMENTS.brain_extraction,
        bias_correction=MEASUREMENTS.bias_correction,
        registration=MEASUREMENTS.registration,
        model_grid=MEASUREMENTS.model_grid,
        image_quality={"snr_brain": 3.0},
        not_measured={"fber": "the background is blank"},
        quality_flags=(Flag("coarse_voxels", "The voxels are coarse"),),
        anatomy=anatomy,
        attributions={},
    )


def test_the_record_says_how_it_was_made():
    record = made(AGE)
    made_by = record.provenance
    assert (made_by.pipeline_version, made_by.parameters["views"], made_by.input) == (7, 1, None)
    assert (made_by.model.label, made_by.model.weights_sha256) == ("openS", "ab" * 32)
    assert (record.measurements.standardisation.mean, record.measurements.standardisation.sd) == (1.0, 2.0)
    assert record.acquisition == {"EchoTime": 0.004}
    assert record.derived == (DERIVED,)


def test_files_of_other_programs_are_identified(tmp_path):
    (tmp_path / "anat").mkdir()
    mask, moved = tmp_path / "anat/mask.nii", tmp_path / "anat/xfm.txt"
    mask.write_bytes(b"mask")
    moved.write_bytes(b"xfm")
    given = DerivedFile("mask", mask, "x", "anat/mask.nii", "X 1", moved)
    image = DerivedFile("bias_correction", object())
    task = Task("x", Identity(), {}, Processing(), "", derived=(given, image))
    first, second, third = derived_images(task)
    assert first == DerivedImage("mask", "x", "anat/mask.nii", "X 1", identify_input(mask))
    assert second == DerivedImage("transform", "x", "anat/xfm.txt", "X 1", identify_input(moved))
    assert first.uri == "bids:x:anat/mask.nii"
    assert (third.use, third.path, third.input) == ("bias_correction", "", None)


@pytest.mark.parametrize(
    ("prediction", "names"), [(AGE, ["coarse_voxels"]), (OLD, ["coarse_voxels", "age_out_of_range"])]
)
def test_predictions_out_of_range_are_flagged(prediction, names):
    assert [flag.name for flag in made(prediction).flags] == names


@pytest.mark.parametrize(
    ("predicted", "names"),
    [
        ({"brain_volume": volume(1.09e6)}, []),
        ({"brain_volume": volume(0.89e6)}, ["brain_volume_disagrees"]),
        ({"ventricular_volume": volume(29.9e3)}, []),  # a quarter and 5 ml
        ({"ventricular_volume": volume(30.1e3)}, ["ventricular_volume_disagrees"]),
    ],
)
def test_a_volume_that_the_segmentation_does_not_have_is_flagged(predicted, names):
    anatomy = Anatomy({"brain": Volume(1e6, None, 0.9), "lateral_ventricles": Volume(2e4, None, 0.9)}, 2, "")
    flags = made(AGE, anatomy, **predicted).flags
    assert [flag.name for flag in flags] == ["coarse_voxels", *names]
    assert made(AGE, anatomy).anatomy is anatomy


def test_an_image_is_known_by_its_bytes(tmp_path):
    path = tmp_path / "x.nii"
    path.write_bytes(b"abc")
    source = identify_input(path)
    assert source.hash == hashlib.sha256(b"abc").hexdigest()
    assert (source.size, source.modified) == (3, path.stat().st_mtime_ns)


@pytest.mark.parametrize("source", [object(), "gone.nii"])
def test_images_without_a_file_have_no_identity(source):
    assert identify_input(source) is None


def test_versions_are_those_of_what_shapes_the_results():
    assert {"neurofm-bids", "torch", "scipy", "deepbet"} <= software().keys()
