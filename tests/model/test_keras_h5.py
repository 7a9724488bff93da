import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from safetensors.torch import save_file

from neurofm_bids.model import keras_h5
from neurofm_bids.model.architecture import ARCHITECTURES
from neurofm_bids.model.network import NeuroFMNet
from tests.model.damage import KERAS, QUIETLY, SEEDS, damaged, loads_or_is_refused, refused


def _group(file, name, weight, shape):
    group = file.create_group(name)
    group.create_dataset(weight, data=np.zeros(shape, np.float32))
    group.attrs["weight_names"] = [weight.encode()]


def _first(file, name):
    raw = file[name].attrs["weight_names"][0]
    return file[name], raw.decode() if isinstance(raw, bytes) else raw


def _replaced(file, name, **dataset):
    group, weight = _first(file, name)
    del group[weight]
    group.create_dataset(weight, **dataset)


def _linked(file, name, link):
    group, weight = _first(file, name)
    del group[weight]
    group[weight] = link


def _spoiled(file, name):
    group, weight = _first(file, name)
    group[weight][...] = np.nan


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f["enc_conv_2_1"].__delitem__("enc_conv_2_1/conv3d_4"), "is missing"),
        (lambda f: _group(f, "enc_more", "x/kernel:0", (1,)), r"does not have \(enc_more\)"),
        (lambda f: f.__delitem__("enc_conv_3_1"), "enc_conv_3_1 are missing"),
        (lambda f: _replaced(f, "enc_conv_5_1", data=np.zeros((1, 1, 1, 2, 3), np.float32)), "has shape"),
        (lambda f: _replaced(f, "enc_conv_5_1", data=np.zeros((1, 1, 1, 2, 3))), "is not float32"),
        (lambda f: _replaced(f, "enc_conv_5_1", data=np.bytes_("text")), "is not float32"),
        (
            lambda f: _replaced(f, "enc_conv_5_1", shape=(9000, 9000, 9000), dtype="f4", chunks=True),
            "not an array",
        ),
        (
            lambda f: _replaced(f, "enc_conv_5_1", shape=(9,), dtype="f4", external=[("/etc/passwd", 0, 36)]),
            "not an array",
        ),
        (
            lambda f: _linked(f, "enc_conv_5_1", h5py.ExternalLink("/etc/passwd", "/x")),
            "link to another place",
        ),
        (lambda f: _linked(f, "enc_conv_5_1", h5py.SoftLink("/enc_conv_4_1")), "link to another place"),
        (lambda f: f.__setitem__("enc_x", h5py.ExternalLink("other.h5", "/")), "enc_x is a link"),
        (lambda f: _spoiled(f, "enc_conv_1_1"), "not finite"),
    ],
)
def test_damaged_weights_are_refused_by_name(tmp_path, change, message):
    path = tmp_path / "weights.h5"
    path.write_bytes(KERAS)
    with h5py.File(path, "r+") as file:
        change(file)
    refused(path, message)


@pytest.mark.parametrize("variant", "ml")
def test_weights_of_another_variant_are_refused(tmp_path, keras, variant):
    refused(keras, "enc_conv_3_2|weights", variant)
    save_file(NeuroFMNet(ARCHITECTURES[variant]).state_dict(), tmp_path / "a.safetensors")
    refused(tmp_path / "a.safetensors", "does not hold the weights of this variant")


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import time; time.sleep(60)", "the HDF5 library did not end within"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "the HDF5 library fails on the file"),
    ],
)
def test_a_file_on_which_the_hdf5_library_hangs_or_crashes_is_refused(keras, monkeypatch, program, message):
    run = keras_h5.subprocess.run
    monkeypatch.setattr(keras_h5, "TIME_LIMIT_SECONDS", 2)
    monkeypatch.setattr(
        keras_h5.subprocess, "run", lambda command, **k: run([command[0], "-c", program], **k)
    )
    refused(keras, message)


def fuzz_h5(tmp_path, monkeypatch, seed):
    whole = KERAS
    spots = [whole.find(name) for name in (b"TREE", b"HEAP", b"SNOD", b"weight_names", b"conv3d_4")]
    spot = spots[seed % len(spots)]
    monkeypatch.setattr(keras_h5, "TIME_LIMIT_SECONDS", 3)
    (tmp_path / "a").write_bytes(damaged(whole, seed, spot, spot + 4000))
    loads_or_is_refused(tmp_path / "a")


@settings(max_examples=10, **QUIETLY)
@given(seed=SEEDS)
def test_damaged_h5_loads_whole_or_is_refused(tmp_path, monkeypatch, seed):
    fuzz_h5(tmp_path, monkeypatch, seed)


@pytest.mark.slow
@settings(max_examples=150, **QUIETLY)
@given(seed=SEEDS)
def test_much_damaged_h5_loads_whole_or_is_refused(tmp_path, monkeypatch, seed):
    fuzz_h5(tmp_path, monkeypatch, seed)
