import math

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.config import Processing
from neurofm_bids.errors import Exit
from neurofm_bids.pipeline.step import IMAGE, TEXT, VECTOR, Memory, Step, record
from neurofm_bids.pipeline.task import Task
from neurofm_bids.records.flag import Flag
from neurofm_bids.records.measurement import Registration
from neurofm_bids.records.scan import Identity, Input
from tests.samples import MEASUREMENTS, scan_record

TASK = Task("image.nii.gz", Identity(), {}, Processing(), "")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (record(Registration), MEASUREMENTS.registration),
        (record(Input | None), None),
        (record(tuple[Flag, ...]), (Flag("a", "A sentence", "serious"),)),
        (record(dict[str, float | None]), {"snr": 1 / 3, "contrast": None}),
        (record(type(scan_record())), scan_record()),
        (TEXT, "<svg>å</svg>"),
    ],
)
def test_values_pass_between_processes_unchanged(tmp_path, kind, value):
    path = tmp_path / f"value{kind.extension}"
    kind.save(value, path)
    assert kind.load(path) == value


def test_features_pass_bit_by_bit(tmp_path):
    features = np.array([1 / 3, math.pi, -1e-30], dtype=np.float32)
    VECTOR.save(features, tmp_path / "features.npy")
    assert VECTOR.load(tmp_path / "features.npy").tobytes() == features.tobytes()


def test_images_pass_with_their_affine(tmp_path):
    image = nib.Nifti1Image(np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 7, np.diag([1, 2, 3, 1.0]))
    IMAGE.save(image, tmp_path / "image.nii")
    loaded = IMAGE.load(tmp_path / "image.nii")
    assert np.array_equal(np.asarray(loaded.dataobj), np.asarray(image.dataobj))
    assert np.array_equal(loaded.affine, image.affine)


def test_a_step_gets_its_inputs_and_no_more():
    step = Step("add", lambda task, a: {"b": a + 1}, ("a",), {"b": TEXT}, Memory(1, 0))
    assert step.run(TASK, {"a": 1, "other": 2}) == {"b": 2}


def test_a_step_that_returns_something_else_is_a_bug():
    step = Step("add", lambda task: {"c": 1}, (), {"b": TEXT}, Memory(1, 0))
    with pytest.raises(TypeError, match=r"the step add returned \['c'\], not \['b'\]"):
        step.run(TASK, {})


def test_memory_has_a_constant_part():
    assert Memory(1.0, 0.05).gb(20_000_000) == pytest.approx(2.0)


def test_exit_codes_survive_as_numbers(tmp_path):
    kind = record(Exit)
    kind.save(Exit.IO, tmp_path / "code.json")
    assert kind.load(tmp_path / "code.json") is Exit.IO
