import logging

import numpy as np
import pytest
import torch

from neurofm_bids.config import Processing
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.encoder import Encoder
from neurofm_bids.model.weights import load_model
from tests.model.volumes import volume


def encoder_of(loaded, **changes):
    return Encoder(loaded, Processing(device="cpu", **changes))


@pytest.fixture(scope="module")
def loaded():
    return load_model("open-s")


def test_encoding_is_deterministic_and_independent_of_the_batch(loaded):
    data = volume()
    one = encoder_of(loaded, batch_size=8).encode(data)
    again = encoder_of(loaded, batch_size=8).encode(data)
    assert np.array_equal(one.features, again.features)
    single = encoder_of(loaded).encode(data, views=1)
    assert [p.sd for p in single.predictions.values()] == [None] * 4
    assert list(one.predictions) == ["age", "sex", "ventricular_volume", "brain_volume"]
    low, high = one.predictions["sex"].interval95
    assert 0 <= low <= one.predictions["sex"].value <= high <= 1


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 64])
def test_batches_over_scans_and_views_give_each_scan_its_own(loaded, batch_size):
    starts = [(90, 81, 70), (20, 100, 3), (150, 110, 146)]
    scans = [volume(start, seed=seed) for seed, start in enumerate(starts)]
    encoder = encoder_of(loaded, batch_size=batch_size)
    found = list(encoder.encode_many(scans, np.asarray, 3))
    for scan, one in zip(scans, found, strict=True):
        alone = encoder_of(loaded).encode(scan, views=3)
        np.testing.assert_allclose(one.features, alone.features, atol=1e-4, rtol=1e-4)
        for name, prediction in alone.predictions.items():
            assert one.predictions[name].value == pytest.approx(prediction.value, rel=1e-4, abs=1e-4)
            assert one.predictions[name].sd == pytest.approx(prediction.sd, rel=1e-2, abs=1e-3)


def test_a_bad_volume_takes_the_place_of_its_encoding_and_the_others_go_on(loaded):
    scans = [volume(), np.zeros((256, 256, 256), np.float32), volume(seed=1)]
    encoder = encoder_of(loaded, batch_size=2)
    first, bad, last = encoder.encode_many(scans, np.asarray, 1)
    assert isinstance(bad, NeuroFMError)
    assert not np.array_equal(first.features, last.features)
    with pytest.raises(NeuroFMError, match="constant"):
        encoder.encode(scans[1])


def test_sources_are_read_one_ahead_only(loaded):
    taken = []

    def sources():
        for number in range(6):
            taken.append(number)
            yield number

    found = encoder_of(loaded).encode_many(sources(), lambda _: volume(), 1)
    next(found)
    assert taken == [0, 1]
    found.close()


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA"), RuntimeError("can't allocate memory"), MemoryError()]
)
def test_batch_halves_when_memory_runs_out_and_says_so(loaded, monkeypatch, caplog, error):
    encoder = encoder_of(loaded, batch_size=8)
    expected = encoder_of(loaded).encode(volume())
    forward, sizes = encoder.network.forward, []

    def limited(box, start, background):
        sizes.append(len(box))
        if len(box) > 2:
            raise error
        return forward(box, start, background)

    monkeypatch.setattr(encoder.network, "forward", limited)
    with caplog.at_level(logging.WARNING):
        found = encoder.encode(volume())
    assert sizes == [8, 4, 2, 2, 2, 2]
    assert "the batch size is now 4" in caplog.text
    np.testing.assert_allclose(found.features, expected.features, atol=1e-4, rtol=1e-4)


def test_a_batch_of_no_views_is_refused(loaded):
    with pytest.raises(NeuroFMError, match="the batch size is 0"):
        encoder_of(loaded, batch_size=0)


def test_memory_that_does_not_hold_one_view_is_an_error(loaded, monkeypatch):
    encoder = encoder_of(loaded, batch_size=2)

    def full_up(*_):
        raise torch.OutOfMemoryError("CUDA")

    monkeypatch.setattr(encoder.network, "forward", full_up)
    with pytest.raises(NeuroFMError, match="too little memory for one pass") as caught:
        encoder.encode(volume())
    assert caught.value.code is Exit.TRY_AGAIN


def test_bugs_are_not_taken_for_a_lack_of_memory(loaded, monkeypatch):
    encoder = encoder_of(loaded)

    def broken(*_):
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(encoder.network, "forward", broken)
    with pytest.raises(RuntimeError, match="shapes differ"):
        encoder.encode(volume())


def test_bfloat16_is_near_float32_and_not_the_same(loaded):
    exact = encoder_of(loaded).encode(volume(), views=2)
    rough = encoder_of(loaded, precision="bfloat16").encode(volume(), views=2)
    difference = np.abs(rough.features - exact.features).max() / np.abs(exact.features).max()
    assert 1e-6 < difference < 0.1
