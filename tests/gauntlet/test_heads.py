"""A real head: rotated, cropped, and with other contrasts."""

import nibabel as nib
import numpy as np
import pytest
from nibabel.affines import from_matvec

from neurofm_bids.config import Processing
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.pipeline.in_memory import run_in_memory
from neurofm_bids.pipeline.task import Task
from neurofm_bids.records.scan import Identity
from tests.gauntlet import images

_TISSUE = 0.08  # of the brightest: air is darker


@pytest.fixture(scope="module")
def head(shared):
    return nib.as_closest_canonical(nib.load(shared / "data" / "lowres_sub-001_T1w.nii.gz"))


def brightest(data):
    return np.quantile(data, 0.995)


def inverted(data, affine):
    top = brightest(data)
    return np.where(data > _TISSUE * top, np.clip(1.1 * top - data, 0, None), data), affine


def like_t2w(data, affine):
    share = np.clip(data / brightest(data), 0, 1)
    return np.where(share > _TISSUE, 100 + 900 * np.clip(1.05 - share, 0, 1) ** 1.5, 100 * share), affine


def enhanced(data, affine):
    """Brighten vessels all over the head, as gadolinium does."""
    where = np.argwhere(data > 0.25 * brightest(data))
    vessels = where[np.random.default_rng(2).choice(len(where), len(where) // 150, replace=False)]
    data = data.copy()
    data[tuple(vessels.T)] *= 2.5
    return data, affine


def front(data, affine):
    first = data.shape[1] // 2
    return data[:, first:], affine @ from_matvec(np.eye(3), (0, first, 0))


def without_top(data, affine):
    return data[:, :, : data.shape[2] * 3 // 5], affine


def rolled(data, affine):
    return data[::-1, ::-1], affine


def flags_of(image):
    """Return the flags of preprocessing without bias correction."""
    task = Task(image, Identity(), {}, Processing(bias_correction="none"), "")
    return run_in_memory(task, ["quality_flags"])["quality_flags"]


def as_it_is(data, affine):
    return data, affine


HEADS = (
    ("a whole head", as_it_is, "processed", ""),
    ("a head upside down, with a correct header", images.over(honest=True), "processed", ""),
    (
        "a head upside down, but the header says upright",
        images.over(honest=False),
        "refused",
        "brain mask volume",
    ),
    ("a head facing backwards, but the header says forwards", rolled, "refused", "brain mask volume"),
    (
        "a head lying on its side, but the header says upright",
        images.axes_swapped,
        "refused",
        "brain mask volume",
    ),
    ("a head with left and right swapped", images.mirrored, "processed", ""),
    ("the left half of a head", images.half, "refused", "cut off at the border"),
    ("the front half of a head", front, "refused", "outside the plausible range"),
    ("a head without its top", without_top, "refused", "the registration to the template failed"),
    ("a head with inverted contrast", inverted, "flagged", "inverted_contrast"),
    ("a head with the contrast of a T2w", like_t2w, "flagged", "inverted_contrast"),
    ("a head with gadolinium contrast", enhanced, "processed", ""),
)


@pytest.mark.realdata
@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "outcome", "says"),
    [
        pytest.param(*row, id=what, marks=pytest.mark.fault(what, f"{row[1]}: {row[2]}".rstrip(": ")))
        for what, *row in HEADS
    ],
)
def test_outcome(head, change, outcome, says):
    data, affine = change(np.asarray(head.dataobj, dtype=np.float32), head.affine)
    image = nib.Nifti1Image(np.ascontiguousarray(data, dtype=np.float32), affine)
    if outcome == "refused":
        with pytest.raises(NeuroFMError, match=says) as caught:
            flags_of(image)
        assert caught.value.fix
        return
    flags = {flag.name: flag.severity for flag in flags_of(image)}
    assert says in flags if outcome == "flagged" else "serious" not in flags.values()
