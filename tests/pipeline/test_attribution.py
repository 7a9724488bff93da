import logging
from dataclasses import replace
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
import torch

from neurofm_bids.config import Processing
from neurofm_bids.explain.readout import LinearReadout
from neurofm_bids.geometry import GRID_AFFINE, as_matrix
from neurofm_bids.model.architecture import Architecture
from neurofm_bids.model.fast import FastNetwork
from neurofm_bids.model.network import NeuroFMNet
from neurofm_bids.model.registry import model_spec
from neurofm_bids.pipeline.attribution import attribute_scan
from neurofm_bids.pipeline.task import Task
from neurofm_bids.records.scan import Identity
from neurofm_bids.resources import torch_threads
from tests.model.test_fast import with_random_statistics
from tests.model.volumes import volume
from tests.samples import MEASUREMENTS

TINY = Architecture("tiny", (1, 1, 1, 1), None, (), None)
SHIFT = (4.0, -3.0, 2.0)  # from the scan to the template
REGISTRATION = replace(MEASUREMENTS.registration, rigid=as_matrix(nib.affines.from_matvec(np.eye(3), SHIFT)))
GRID = nib.Nifti1Image(volume(start=(110, 110, 110), shape=(30, 30, 30)), GRID_AFFINE)


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    network = with_random_statistics(NeuroFMNet(TINY, model_spec("open-s").heads))
    return SimpleNamespace(network=FastNetwork(network), device=torch.device("cpu"))


def scan_of(space):
    """Return a T1w around the brain of the grid, and a segmentation of all of it."""
    moved = -np.array(SHIFT) if space == "rigid" else np.zeros(3)
    centre = nib.affines.apply_affine(GRID_AFFINE, (124.5, 124.5, 124.5)) + moved
    affine = nib.affines.from_matvec(np.diag([1.5, 1.5, 1.5]), centre - 1.5 * 22)
    t1w = nib.Nifti1Image(np.zeros((45, 45, 45), np.float32), affine)
    codes = np.zeros(t1w.shape, np.float32)
    codes[12:33, 12:33, 12:33] = 17
    return t1w, nib.Nifti1Image(codes, affine)


def attributed(encoder, space="rigid", segmented=True, targets=("age", "sex"), readouts=()):
    t1w, segmentation = scan_of(space)
    processing = Processing(device="cpu", views=2, encode_space=space, attribution=targets)
    task = Task("x", Identity(), {}, processing, "", readouts=readouts, encoder=encoder)
    with torch_threads(1):
        return attribute_scan(task, t1w, REGISTRATION, GRID, segmentation if segmented else None)


@pytest.mark.parametrize("space", ["rigid", "native"])
def test_maps_lie_on_the_brain_in_the_space_of_the_t1w(encoder, space):
    maps, records = attributed(encoder, space)
    assert list(records) == ["age", "sex"]
    values = np.asarray(maps.dataobj)
    for row, one in enumerate(records.values()):
        total = values[..., row].sum(dtype=np.float64) * 1.5**3 / 1000
        assert total == pytest.approx(one.output - one.baseline_output, rel=0.1)
        assert one.completeness_error < 0.01
        assert one.regions["Left-Hippocampus"].share > 0.8
        assert sum(region.share for region in one.regions.values()) == pytest.approx(1)


def test_readouts_are_attributed_besides_targets(encoder):
    weights = tuple(np.random.default_rng(0).uniform(size=TINY.latent_size).tolist())
    readout = LinearReadout("raven", "Raven", "points", weights, 2.0, "ab" * 32)
    maps, records = attributed(encoder, targets=("raven", "age"), readouts=(readout,))
    assert {name: one.readout_digest for name, one in records.items()} == {"age": None, "raven": "ab" * 32}
    one = records["raven"]
    assert (one.long_name, one.units) == ("Raven", "points")
    assert one.completeness_error < 0.01
    total = np.asarray(maps.dataobj)[..., 1].sum(dtype=np.float64) * 1.5**3 / 1000
    assert total == pytest.approx(one.output - one.baseline_output, rel=0.1)
    alone, of_readout = attributed(encoder, targets=("raven",), readouts=(readout,))
    assert list(of_readout) == ["raven"]
    np.testing.assert_array_equal(np.asarray(alone.dataobj)[..., 0], np.asarray(maps.dataobj)[..., 1])


def test_without_segmentation_there_are_no_regions_and_the_log_says_so(encoder, caplog):
    with caplog.at_level(logging.INFO):
        _, records = attributed(encoder, segmented=False)
    assert [one.regions for one in records.values()] == [{}, {}]
    assert "no table of attributions by region without the segmentation" in caplog.text


def test_runs_are_identical(encoder):
    (one, first), (other, second) = (attributed(encoder) for _ in range(2))
    assert np.asarray(one.dataobj).tobytes() == np.asarray(other.dataobj).tobytes()
    assert first == second
