from dataclasses import replace

import numpy as np
import pytest
import torch

from neurofm_bids.explain.baseline import blurred
from neurofm_bids.explain.integrated_gradients import MARGIN, GridAttribution, attribute
from neurofm_bids.explain.readout import LinearReadout, target_readouts
from neurofm_bids.model.architecture import Architecture
from neurofm_bids.model.augmentation import lattices, read_volume
from neurofm_bids.model.fast import FastNetwork
from neurofm_bids.model.network import NeuroFMNet
from neurofm_bids.model.registry import model_spec
from neurofm_bids.resources import torch_threads
from tests.model.test_fast import full, with_random_statistics
from tests.model.volumes import volume

SPEC = model_spec("open-s")
AGE = target_readouts(SPEC, ["age"])


TINY = Architecture("tiny", (1, 1, 1, 1), None, (), None)


@pytest.fixture(autouse=True)
def one_thread():
    with torch_threads(1):
        yield


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return with_random_statistics(NeuroFMNet(TINY, SPEC.heads))


@pytest.fixture(scope="module")
def given():
    return read_volume(volume(start=(90, 100, 98), shape=(60, 70, 64)))


@pytest.mark.parametrize("views", [1, 9])
def test_the_sum_over_voxels_is_the_difference_of_the_outputs(network, given, views):
    (found,) = attribute(FastNetwork(network), given, AGE, views=views, steps=16)
    difference, total = found.output - found.baseline_output, found.values.sum(dtype=np.float64)
    assert abs(total - difference) < 0.005 * np.abs(found.values).sum()
    assert found.absolute_completeness_error == pytest.approx(abs(total - difference))
    assert found.completeness_error == pytest.approx(abs(total - difference) / abs(difference))


def test_equal_outputs_have_no_relative_error():
    values = np.array([[[2.0, -1.5]]], dtype=np.float32)
    found = GridAttribution("age", "Predicted age", "year", values, (0, 0, 0), 40.0, 40.0)
    assert (found.absolute_completeness_error, found.completeness_error) == (0.5, None)
    assert replace(found, output=42.0).completeness_error == 0.75


def test_all_targets_come_from_one_call_in_their_order(network, given):
    found = attribute(FastNetwork(network), given, target_readouts(SPEC), views=1, steps=1)
    assert [one.name for one in found] == ["age", "sex", "ventricular_volume", "brain_volume"]
    (alone,) = attribute(FastNetwork(network), given, AGE, views=1, steps=1)
    assert np.array_equal(alone.values, found[0].values)


def test_few_steps_are_less_complete(network, given):
    errors = [
        attribute(FastNetwork(network), given, AGE, views=1, steps=steps)[0].completeness_error
        for steps in (1, 16)
    ]
    assert errors[0] > 2 * errors[1]


def test_the_plain_network_gives_the_same(network, given):
    boxes, start = lattices(given, 1)
    other, _ = lattices(replace(given, box=blurred(given)), 1)
    background = torch.tensor([given.standard_background])
    one, zero = (full(torch.from_numpy(box), start, background) for box in (boxes, other))
    total = torch.zeros_like(one)
    for node in (0.5 - 12**-0.5, 0.5 + 12**-0.5):  # Gauss-Legendre
        point = (zero + node * (one - zero)).requires_grad_()
        number = AGE[0].values(network.forward_lattice(point)).sum()
        total += torch.autograd.grad(number, point)[0] / 2
    lattice = ((one - zero) * total)[0, 0].numpy()
    (found,) = attribute(FastNetwork(network), given, AGE, views=1, steps=2)
    assert found.start == tuple(s - MARGIN for s in given.start)
    expected = lattice[tuple(slice(s, s + n) for s, n in zip(start, boxes.shape[1:], strict=True))]
    inside = tuple(slice(MARGIN, MARGIN + n, 2) for n in given.box.shape)
    np.testing.assert_allclose(found.values[inside], expected, atol=1e-5 * np.abs(expected).max(), rtol=1e-3)
    assert np.count_nonzero(found.values) == np.count_nonzero(found.values[inside])


def test_a_linear_combination_of_readouts_has_that_of_their_maps(network, given):
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(2, TINY.latent_size))
    readouts = [
        LinearReadout(name, name, "1", vector, 7.0)
        for name, vector in (("a", weights[0]), ("b", weights[1]), ("c", weights[0] - 2 * weights[1]))
    ]
    a, b, c = (one.values for one in attribute(FastNetwork(network), given, readouts, views=2, steps=3))
    np.testing.assert_allclose(c, a - 2 * b, atol=1e-4 * np.abs(c).max())


def test_steps_computed_together_give_the_same(network, given):
    one, other = (
        attribute(FastNetwork(network), given, AGE, views=1, steps=4, batch_size=size)[0].values
        for size in (1, 3)
    )
    np.testing.assert_allclose(one, other, atol=1e-4 * np.abs(one).max())


def test_runs_are_identical(network, given):
    one, other = (attribute(FastNetwork(network), given, AGE, views=2, steps=2)[0].values for _ in range(2))
    assert one.tobytes() == other.tobytes()
