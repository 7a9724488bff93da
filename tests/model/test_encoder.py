import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model import fast
from neurofm_bids.model.architecture import ARCHITECTURES
from neurofm_bids.model.augmentation import lattices, read_volume
from neurofm_bids.model.device import choose_device, choose_precision
from neurofm_bids.model.encoder import Encoder
from neurofm_bids.model.fast import FastNetwork
from neurofm_bids.model.network import NeuroFMNet
from neurofm_bids.model.weights import load_model

BOXES = {
    "inside": ((28, 22, 30), (60, 71, 58)),
    "odd": ((31, 41, 27), (49, 37, 63)),
    "low corner": ((0, 0, 0), (50, 44, 61)),
    "high corner": ((70, 64, 77), (58, 64, 51)),
    "one slab": ((0, 50, 60), (128, 20, 9)),
    "a voxel": ((63, 64, 65), (1, 1, 1)),
    "last voxel": ((127, 127, 127), (1, 1, 1)),
    "everything": ((0, 0, 0), (128, 128, 128)),
}


def close(found, expected):
    for name, one, other in zip(found._fields, found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4, rtol=1e-4, err_msg=name)


def random_network(variant, seed=0):
    """Return a network of which every statistic matters and the background is far from zero."""
    torch.manual_seed(seed)
    network = NeuroFMNet(ARCHITECTURES[variant])
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm3d | torch.nn.BatchNorm1d):
            layer.running_mean.normal_(0, 0.3)
            layer.running_var.uniform_(0.3, 2)
            layer.weight.data.uniform_(0.5, 1.5)
            layer.bias.data.normal_(0, 0.5)
    return network.eval()


def full(box, start, background):
    volume = torch.full((len(box), 1, 128, 128, 128), 0.0) + background[:, None, None, None, None]
    volume[(slice(None), 0, *(slice(a, a + n) for a, n in zip(start, box.shape[1:], strict=True)))] = box
    return volume


@pytest.fixture(scope="module")
def networks():
    trained = load_model("open-s").network
    return {"trained": trained, **{v: random_network(v) for v in "sml"}}


@pytest.mark.parametrize(
    ("name", "case", "backgrounds"),
    [
        *(("trained", case, [-0.4]) for case in BOXES),
        ("s", "odd", [-0.4, 1.5]),
        ("s", "low corner", [2.0]),
        ("l", "high corner", [-0.4]),
    ],
)
def test_fast_equals_plain_wherever_the_brain_lies(networks, name, case, backgrounds):
    start, shape = BOXES[case]
    background = torch.tensor(backgrounds)
    box = torch.randn(len(background), *shape)
    with torch.inference_mode():
        plain = networks[name].forward_lattice(full(box, start, background))
    close(FastNetwork(networks[name])(box, start, background), plain)


@pytest.mark.parametrize("variant", "sm")
def test_every_map_of_the_fast_network_equals_the_plain_one(networks, variant):
    """Errors at the faces of the cube can vanish in the mean: compare each map where it is kept."""
    network, found = networks[variant], FastNetwork(networks[variant])
    start, shape = BOXES["odd"]
    box, background = torch.randn(1, *shape), torch.tensor([-0.4])
    x = full(box, start, background)
    y = fast.Map(box[..., None], start, 128, background.reshape(1, 1, 1, 1, 1).expand(1, 2, 2, 2, 1), 0)
    with torch.inference_mode():
        for index, (block, quick) in enumerate(zip(network.blocks, found.blocks, strict=True)):
            x = block(x) if index else block.forward_sampled(x)
            y = quick(y)
            whole = y.read([(0, y.size)] * 3).movedim(-1, 1)
            expected = x[:, :, :: quick.step, :: quick.step, :: quick.step]
            np.testing.assert_allclose(whole, expected, atol=1e-4, rtol=1e-4, err_msg=f"block {index}")


def test_only_the_box_is_computed(networks):
    start, shape = BOXES["inside"]
    block = FastNetwork(networks["s"]).blocks[0]
    empty = torch.zeros(1, 2, 2, 2, 1)
    with torch.inference_mode():
        found = block(fast.Map(torch.randn(1, *shape, 1), start, 128, empty, 0))
    assert found.size == 64
    assert found.values.shape[1:4] == tuple(
        (a + n) // 2 + 1 - a // 2 for a, n in zip(start, shape, strict=True)
    )
    assert found.empty.shape[1] < 8


def test_slabs_change_nothing(networks, monkeypatch):
    start, shape = BOXES["low corner"]
    box, background = torch.randn(1, *shape), torch.tensor([0.2])
    whole = FastNetwork(networks["s"])(box, start, background)
    monkeypatch.setattr(fast, "_SLAB_VALUES", 1)
    close(FastNetwork(networks["s"])(box, start, background), whole)


def test_folding_does_not_touch_the_network_and_its_mode_does_not_matter(networks):
    network = networks["s"].copy()
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    box, start, background = torch.randn(1, 9, 9, 9), (50, 50, 50), torch.zeros(1)
    close(FastNetwork(network)(box, start, background), FastNetwork(networks["s"])(box, start, background))
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def volume(start=(90, 81, 70), shape=(80, 99, 110), seed=0):
    data = np.zeros((256, 256, 256), np.float32)
    where = tuple(slice(a, a + n) for a, n in zip(start, shape, strict=True))
    data[where] = np.random.default_rng(seed).uniform(50, 100, shape)
    return data


def test_volume_is_its_box_and_the_statistics_of_the_cube():
    data = volume()
    found = read_volume(data)
    assert (found.start, found.box.shape) == ((90, 80, 70), (80, 100, 110))
    assert found.mean == pytest.approx(data.mean(dtype=np.float64), rel=1e-12)
    assert found.sd == pytest.approx(data.std(dtype=np.float64), rel=1e-12)
    assert found.standard_background == pytest.approx(-found.mean / found.sd, rel=1e-6)


def test_volume_with_another_background_is_the_same_scan():
    data = volume()
    shifted = (data - 30) / 7
    one, other = (lattices(read_volume(v), 9)[0] for v in (data, shifted))
    np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((2, 2, 2), np.float32), "reads 256x256x256"),
        (np.zeros((256, 256, 256), np.float32), "constant"),
        (np.full((256, 256, 256), 7, np.int16), "constant"),
        (np.full((256, 256, 256), np.nan, np.float32), "not finite"),
        (np.zeros((256, 256, 256), np.complex64), "complex64, not real"),
        (np.zeros((256, 256, 256), bool), "bool, not real"),
        (np.zeros((256, 256, 256), object), "object, not real"),
    ],
)
def test_volumes_that_cannot_be_encoded(data, message):
    with pytest.raises(NeuroFMError, match=message):
        read_volume(data)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_one_bad_voxel_is_enough(value):
    data = volume()
    data[100, 100, 100] = value
    with pytest.raises(NeuroFMError, match="not finite"):
        read_volume(data)


def test_the_eight_phases_hold_every_voxel_once_and_the_first_is_the_published_pass():
    data = volume()
    found = read_volume(data)
    views, start = lattices(found, 8)
    assert np.array_equal(np.sort(views.ravel()), np.sort(found.standardise(found.box).ravel()))
    first = np.full((128, 128, 128), found.standard_background, np.float32)
    first[tuple(slice(a, a + n) for a, n in zip(start, views.shape[1:], strict=True))] = views[0]
    expected = (data - np.float32(found.mean)) / np.float32(found.sd)
    assert np.array_equal(first, expected[::2, ::2, ::2])


@pytest.mark.parametrize("start", [(90, 81, 70), (0, 2, 144), (170, 150, 0)])
def test_jittered_views_show_the_same_brain_a_little_moved(start):
    x, y, z = np.indices((256, 256, 256), sparse=True)
    centre = np.add(start, (40, 49, 55))
    far = ((x - centre[0]) / 38) ** 2 + ((y - centre[1]) / 47) ** 2 + ((z - centre[2]) / 53) ** 2
    data = np.maximum(0, 100 * (1 - far)).astype(np.float32)
    views, first = lattices(read_volume(data), 12)
    again, _ = lattices(read_volume(data), 12)
    assert np.array_equal(views, again)
    assert all(a >= 0 and a + n <= 128 for a, n in zip(first, views.shape[1:], strict=True))
    mass = views.reshape(12, -1).sum(axis=1, dtype=np.float64)
    assert np.ptp(mass) < 0.002 * abs(views).sum() / 12
    for view in views[8:]:
        assert 0.01 < np.abs(view - views[0]).max() < 1


@pytest.mark.parametrize("views", [0, 65])
def test_numbers_of_views_that_make_no_sense(views):
    with pytest.raises(NeuroFMError, match=f"{views} views"):
        lattices(read_volume(volume()), views)


@pytest.fixture(scope="module")
def loaded():
    return load_model("open-s")


def test_encoding_is_deterministic_and_independent_of_the_batch(loaded):
    data = volume()
    one = Encoder(loaded, "cpu", batch_size=8).encode(data)
    again = Encoder(loaded, "cpu", batch_size=8).encode(data)
    assert np.array_equal(one.features, again.features)
    single = Encoder(loaded, "cpu").encode(data, views=1)
    assert [p.sd for p in single.predictions.values()] == [None] * 4
    assert list(one.predictions) == ["age", "sex", "ventricular_volume", "brain_volume"]
    low, high = one.predictions["sex"].interval95
    assert 0 <= low <= one.predictions["sex"].value <= high <= 1
    assert one.to_dict()["Predictions"]["age"]["Value"] == one.predictions["age"].value


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 64])
def test_batches_over_scans_and_views_give_each_scan_its_own(loaded, batch_size):
    starts = [(90, 81, 70), (20, 100, 3), (150, 110, 146)]
    scans = [volume(start, seed=seed) for seed, start in enumerate(starts)]
    encoder = Encoder(loaded, "cpu", batch_size=batch_size)
    found = list(encoder.encode_many(scans, np.asarray, 3))
    for scan, one in zip(scans, found, strict=True):
        alone = Encoder(loaded, "cpu").encode(scan, views=3)
        np.testing.assert_allclose(one.features, alone.features, atol=1e-4, rtol=1e-4)
        for name, prediction in alone.predictions.items():
            assert one.predictions[name].value == pytest.approx(prediction.value, rel=1e-4, abs=1e-4)
            assert one.predictions[name].sd == pytest.approx(prediction.sd, rel=1e-2, abs=1e-3)


def test_a_bad_volume_takes_the_place_of_its_encoding_and_the_others_go_on(loaded):
    scans = [volume(), np.zeros((256, 256, 256), np.float32), volume(seed=1)]
    encoder = Encoder(loaded, "cpu", batch_size=2)
    first, bad, last = encoder.encode_many(scans, np.asarray, 1, errors="return")
    assert isinstance(bad, NeuroFMError)
    assert not np.array_equal(first.features, last.features)
    many = encoder.encode_many(scans, np.asarray, 1)
    next(many)
    with pytest.raises(NeuroFMError, match="constant"):
        next(many)


def test_sources_are_read_one_ahead_only(loaded):
    taken = []

    def sources():
        for number in range(6):
            taken.append(number)
            yield number

    found = Encoder(loaded, "cpu").encode_many(sources(), lambda _: volume(), 1)
    next(found)
    assert taken == [0, 1]
    found.close()


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA"), RuntimeError("can't allocate memory"), MemoryError()]
)
def test_batch_halves_when_memory_runs_out_and_says_so(loaded, monkeypatch, caplog, error):
    encoder = Encoder(loaded, "cpu", batch_size=8)
    expected = Encoder(loaded, "cpu").encode(volume())
    forward, sizes = encoder._network.forward, []

    def limited(box, start, background):
        sizes.append(len(box))
        if len(box) > 2:
            raise error
        return forward(box, start, background)

    monkeypatch.setattr(encoder._network, "forward", limited)
    with caplog.at_level(logging.WARNING):
        found = encoder.encode(volume())
    assert sizes == [8, 4, 2, 2, 2, 2]
    assert "the batch is now 4 views" in caplog.text
    np.testing.assert_allclose(found.features, expected.features, atol=1e-4, rtol=1e-4)


def test_a_batch_of_no_views_is_refused(loaded):
    with pytest.raises(NeuroFMError, match="a batch of 0 views"):
        Encoder(loaded, "cpu", batch_size=0)


def test_memory_that_does_not_hold_one_view_is_an_error(loaded, monkeypatch):
    encoder = Encoder(loaded, "cpu", batch_size=2)

    def full_up(*_):
        raise torch.OutOfMemoryError("CUDA")

    monkeypatch.setattr(encoder._network, "forward", full_up)
    with pytest.raises(NeuroFMError, match="too little memory for one view") as caught:
        encoder.encode(volume())
    assert caught.value.code is Exit.TRY_AGAIN


def test_bugs_are_not_taken_for_a_lack_of_memory(loaded, monkeypatch):
    encoder = Encoder(loaded, "cpu")

    def broken(*_):
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(encoder._network, "forward", broken)
    with pytest.raises(RuntimeError, match="shapes differ"):
        encoder.encode(volume())


def test_bfloat16_is_near_float32_and_not_the_same(loaded):
    exact = Encoder(loaded, "cpu").encode(volume(), views=2)
    rough = Encoder(loaded, "cpu", precision="bfloat16").encode(volume(), views=2)
    difference = np.abs(rough.features - exact.features).max() / np.abs(exact.features).max()
    assert 1e-6 < difference < 0.1
    with pytest.raises(NeuroFMError, match="unknown precision"):
        choose_precision("float16")


@pytest.mark.parametrize("name", ["cuda:99", "nonsense"])
def test_devices_that_are_not_there(name):
    with pytest.raises(NeuroFMError) as error:
        choose_device(name)
    assert error.value.code is Exit.USAGE


def test_auto_says_where_the_network_runs_in_one_line(caplog):
    with caplog.at_level(logging.INFO):
        device = choose_device("auto")
    assert [record.getMessage() for record in caplog.records] == [f"The network runs on {device.type}."]


@pytest.mark.realdata
@pytest.mark.parametrize(
    "scan", ["ds002748/sub-01/anat/sub-01_T1w.nii.gz", "ds002748/sub-29/anat/sub-29_T1w.nii.gz"]
)
def test_fast_equals_plain_on_real_brains(shared, networks, scan):
    from neurofm_bids.api import _read_brain

    data = _read_brain(Path(shared / "data" / scan))
    checked = read_volume(data)
    views, start = lattices(checked, 3)
    background = torch.full((3,), checked.standard_background)
    for name in ("trained", "s"):
        with torch.inference_mode():
            plain = networks[name](torch.from_numpy(checked.standardise(data))[None, None])
        quick = FastNetwork(networks[name])(torch.from_numpy(views), start, background)
        close(type(quick)(*(value[:1] for value in quick)), plain)
