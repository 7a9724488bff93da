"""Weights files: what is read, what is refused by name, and damaged bytes."""

import io
import json
import pickle
import zipfile
from importlib.resources import files
from pathlib import Path

import h5py
import nibabel as nib
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save, save_file

from neurofm_bids.cli import tools
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model import keras_h5, verify
from neurofm_bids.model.architecture import ARCHITECTURES
from neurofm_bids.model.network import NeuroFMNet
from neurofm_bids.model.registry import model_names, model_spec
from neurofm_bids.model.weights import (
    PROVENANCE,
    convert,
    file_sha256,
    find_weights,
    identify,
    load_model,
    load_network,
)
from tests.keras_layout import keras_bytes

KERAS = keras_bytes(load_model("open-s").network)


@pytest.fixture
def keras(tmp_path):
    """The weights of open-s as the published layout has them."""
    path = tmp_path / "keras.h5"
    path.write_bytes(KERAS)
    return path


def refused(path, message, variant="s"):
    with pytest.raises(NeuroFMError, match=message) as error:
        load_network(path, variant)
    assert error.value.where == path
    assert error.value.fix


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
            "no array",
        ),
        (
            lambda f: _replaced(f, "enc_conv_5_1", shape=(9,), dtype="f4", external=[("/etc/passwd", 0, 36)]),
            "no array",
        ),
        (
            lambda f: _linked(f, "enc_conv_5_1", h5py.ExternalLink("/etc/passwd", "/x")),
            "link to somewhere else",
        ),
        (lambda f: _linked(f, "enc_conv_5_1", h5py.SoftLink("/enc_conv_4_1")), "link to somewhere else"),
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


def _zip():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("data.pkl", b"x")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x89HDF\r\n\x1a\n junk", "not a whole Keras weights file"),
        (b"", "of no known kind"),
        (b"x", "of no known kind"),
        (b"\x10\0\0\0\0\0\0\0{}", "not a whole safetensors file"),
        (pickle.dumps({"a": 1}), "Python pickle"),
        (_zip(), "ZIP archive"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"<!DOCTYPE html>", "a web page"),
        (b"\x1f\x8b\x08\0", "compressed with gzip"),
    ],
)
def test_other_files_are_refused_by_what_they_are(tmp_path, data, message):
    path = tmp_path / "weights.h5"
    path.write_bytes(data)
    refused(path, message)


def test_a_pickle_is_never_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path.joinpath("sprung").touch, ())

    for name, write in (
        ("a.h5", lambda p: p.write_bytes(pickle.dumps(Trap()))),
        ("b.h5", lambda p: torch.save(Trap(), p)),
    ):
        write(tmp_path / name)
        with pytest.raises(NeuroFMError):
            load_network(tmp_path / name, "s")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.99, 0.9999])
@pytest.mark.parametrize("kind", ["h5", "safetensors"])
def test_half_written_files_are_refused(tmp_path, keep, kind):
    whole = KERAS if kind == "h5" else save(load_model("open-s").network.state_dict())
    path = tmp_path / f"a.{kind}"
    path.write_bytes(whole[: int(len(whole) * keep)])
    refused(path, "not a whole")


def test_the_name_of_a_file_does_not_matter(tmp_path):
    path = tmp_path / "renamed.safetensors"
    path.write_bytes(KERAS)
    same(load_network(path, "s"), load_model("open-s").network)


@pytest.mark.parametrize("variant", "ml")
def test_weights_of_another_variant_are_refused(tmp_path, keras, variant):
    refused(keras, "enc_conv_3_2|weights", variant)
    save_file(NeuroFMNet(ARCHITECTURES[variant]).state_dict(), tmp_path / "a.safetensors")
    refused(tmp_path / "a.safetensors", "does not hold the weights of this variant")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("heads.age.weight"), "heads.age.weight is missing"),
        (lambda s: s.update(more=torch.zeros(1)), "more is unknown"),
        (lambda s: s.update({"heads.age.bias": torch.zeros(2)}), r"has shape \(2,\)"),
        (lambda s: s.update({"heads.age.bias": torch.full((1,), torch.inf)}), "not finite float32"),
        (lambda s: s.update({"heads.age.bias": torch.zeros(1, dtype=torch.float64)}), "not finite float32"),
    ],
)
def test_wrong_safetensors_are_refused_by_name(tmp_path, change, message):
    state = dict(load_model("open-s").network.state_dict())
    change(state)
    save_file(state, tmp_path / "a.safetensors")
    refused(tmp_path / "a.safetensors", message)


def same(one, other):
    state = other.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in one.state_dict().items() if value.ndim)


def test_conversion_keeps_the_weights_and_says_where_they_come_from(tmp_path, keras):
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    convert(keras, first, model_spec("open-s"))
    convert(keras, second, model_spec("open-s"))
    assert first.read_bytes() == second.read_bytes()
    same(load_network(first, "s"), load_model("open-s").network)
    header = json.loads(first.read_bytes()[8:][: int.from_bytes(first.read_bytes()[:8], "little")])
    provenance = json.loads(header["__metadata__"][PROVENANCE])
    assert provenance["source_sha256"] == file_sha256(keras)
    assert (provenance["model"], provenance["variant"], provenance["licence"]) == (
        "open-s",
        "s",
        "Apache-2.0",
    )
    refused(first, "variant s, not l", "l")


def test_conversion_of_a_bad_file_writes_nothing(tmp_path):
    (tmp_path / "bad.h5").write_bytes(b"\x89HDF\r\n\x1a\n junk")
    target = tmp_path / "a.safetensors"
    arguments = ["weights", "convert", str(tmp_path / "bad.h5"), str(target), "--model", "neurofm-s"]
    assert tools.main(arguments) == Exit.DATA
    assert not target.exists()
    arguments[3] = str(tmp_path / "a.pt")
    assert tools.main(arguments) == Exit.USAGE


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import time; time.sleep(60)", "the HDF5 library hangs on the file"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "the HDF5 library fails on the file"),
    ],
)
def test_a_file_on_which_the_hdf5_library_hangs_or_crashes_is_refused(keras, monkeypatch, program, message):
    run = keras_h5.subprocess.run
    monkeypatch.setattr(keras_h5, "_SECONDS", 2)
    monkeypatch.setattr(
        keras_h5.subprocess, "run", lambda command, **k: run([command[0], "-c", program], **k)
    )
    refused(keras, message)


seeds = st.integers(0, 2**32 - 1)
quietly = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


def damaged(data, seed, first, end):
    """Return data with one to five bytes of a range changed, in one of five cases cut short as well."""
    rng = np.random.default_rng(seed)
    data = bytearray(data)
    for place in rng.integers(first, end, rng.integers(1, 6)):
        data[place] = rng.choice([0, 1, 255, data[place] ^ 1, data[place] ^ 128, rng.integers(256)])
    return bytes(data[: rng.integers(len(data))] if rng.random() < 0.2 else data)


def loads_or_is_refused(path):
    try:
        network = load_network(path, "s")
    except NeuroFMError as error:
        where = error.where
    else:
        where = path
        assert all(torch.isfinite(value).all() for value in network.state_dict().values())
    assert where == path


@settings(max_examples=150, **quietly)
@given(seed=seeds, header=st.booleans())
def test_damaged_safetensors_load_whole_or_are_refused(tmp_path, seed, header):
    whole = save(load_model("open-s").network.state_dict())
    end = int.from_bytes(whole[:8], "little") + 8 if header else len(whole)
    (tmp_path / "a").write_bytes(damaged(whole, seed, 0, end))
    loads_or_is_refused(tmp_path / "a")


def fuzz_h5(tmp_path, monkeypatch, seed):
    whole = KERAS
    spots = [whole.find(name) for name in (b"TREE", b"HEAP", b"SNOD", b"weight_names", b"conv3d_4")]
    spot = spots[seed % len(spots)]
    monkeypatch.setattr(keras_h5, "_SECONDS", 3)
    (tmp_path / "a").write_bytes(damaged(whole, seed, spot, spot + 4000))
    loads_or_is_refused(tmp_path / "a")


@settings(max_examples=10, **quietly)
@given(seed=seeds)
def test_damaged_h5_loads_whole_or_is_refused(tmp_path, monkeypatch, seed):
    fuzz_h5(tmp_path, monkeypatch, seed)


@pytest.mark.slow
@settings(max_examples=150, **quietly)
@given(seed=seeds)
def test_much_damaged_h5_loads_whole_or_is_refused(tmp_path, monkeypatch, seed):
    fuzz_h5(tmp_path, monkeypatch, seed)


def test_registry():
    assert model_names() == ("open-s", "neurofm-s", "neurofm-m", "neurofm-l")
    spec, digest = identify("open-s")
    assert (spec.label, digest) == ("openS", spec.sha256)
    for name in model_names():
        spec = model_spec(name)
        assert spec.latent_size == ARCHITECTURES[spec.variant].latent_size
        assert bool(spec.file) != bool(spec.repository)
        assert all((spec.licence, spec.training, spec.validated, spec.notice))
    with pytest.raises(
        NeuroFMError, match="weights fetch neurofm-l`, or give their file with --weights"
    ) as error:
        identify("neurofm-l")
    assert error.value.code is Exit.NO_INPUT


def test_list_says_what_is_known_of_each_model(capsys):
    assert tools.main(["weights", "list"]) == 0
    said = capsys.readouterr().out
    for name in model_names():
        assert f"{name}\t" in said
    assert str(find_weights(model_spec("open-s"))) in said
    assert "not here: `neurofm-tools weights fetch neurofm-l`" in said


def test_verify_of_the_bundled_weights_passes_and_claims_no_more(capsys):
    assert tools.main(["weights", "verify"]) == 0
    said = capsys.readouterr().out
    assert "passed      file" in said
    assert "passed      arithmetic" in said
    assert "not proven  published example" in said


@pytest.fixture
def example(tmp_path):
    """An image of the size of the published example, and random weights of neurofm-s."""
    folder = Path(str(files("neurofm_bids") / "data"))
    small = nib.load(folder / "tpl-MNI152NLin2009cAsym_res-02_desc-brain_T1w.nii.gz")
    data = np.zeros((193, 229, 193), np.float32)
    block = np.asarray(small.dataobj).repeat(2, 0).repeat(2, 1).repeat(2, 2)[:193, :229, :193]
    data[: block.shape[0], : block.shape[1], : block.shape[2]] = block
    nib.save(
        nib.Nifti1Image(data, nib.affines.from_matvec(np.eye(3), (-96, -132, -78))), tmp_path / "t1.nii.gz"
    )
    torch.manual_seed(1)
    save_file(NeuroFMNet(ARCHITECTURES["s"]).state_dict(), tmp_path / "a.safetensors")
    return tmp_path / "a.safetensors", tmp_path / "t1.nii.gz"


def test_verify_finds_out_that_weights_are_not_the_published_ones(example, capsys):
    weights, image = example
    arguments = ["weights", "verify", "neurofm-s", "--weights", str(weights), "--image", str(image)]
    assert tools.main(arguments) == Exit.DATA
    said = capsys.readouterr().out
    assert "FAILED      published example" in said
    assert "the known one is 8015a055" in said


def test_verify_passes_when_the_published_figures_come_out(example, monkeypatch):
    weights, image = example
    loaded = load_model("neurofm-s", weights)
    figures = verify._published_run(loaded, image)
    real = json.loads((files("neurofm_bids") / "data/verification/neurofm-s.json").read_text())
    assert len(real["Features"]) == len(figures) == 160
    monkeypatch.setattr(verify.json, "loads", lambda text: {**real, "Features": [float(f) for f in figures]})
    assert verify._example(loaded, image).passed
    monkeypatch.setattr(
        verify.json, "loads", lambda text: {**real, "Features": [float(f) + 3e-4 for f in figures]}
    )
    assert verify._example(loaded, image).passed is False


def test_verify_takes_the_images_of_the_example_only_and_says_when_there_is_none(example, monkeypatch):
    weights, _ = example
    loaded = load_model("neurofm-s", weights)
    with pytest.raises(NeuroFMError, match="not that of the published example"):
        verify._example(
            loaded, files("neurofm_bids") / "data/tpl-MNI152NLin2009cAsym_res-02_desc-brain_T1w.nii.gz"
        )
    monkeypatch.setattr("templateflow.api.get", lambda *_, **__: [])
    check = verify._example(loaded, None)
    assert check.passed is None
    assert "give the file with --image" in check.found
