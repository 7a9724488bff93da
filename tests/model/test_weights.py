import io
import json
import pickle
import zipfile

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save, save_file

from neurofm_bids.cli import tools
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.architecture import ARCHITECTURES
from neurofm_bids.model.registry import model_names, model_spec
from neurofm_bids.model.weights import convert, find_weights, identify, load_model, load_network
from neurofm_bids.storage.atomic import file_sha256
from neurofm_bids.storage.weights_file import PROVENANCE
from tests.faults.command import HOSTILE
from tests.model.damage import KERAS, QUIETLY, SEEDS, SPECS, damaged, loads_or_is_refused, refused


def _zip():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("data.pkl", b"x")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x89HDF\r\n\x1a\n junk", "not a whole Keras weights file"),
        (b"", "of unknown type"),
        (b"x", "of unknown type"),
        (b"\x10\0\0\0\0\0\0\0{}", "the safetensors file is damaged"),
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
            load_network(tmp_path / name, SPECS["s"])
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.99, 0.9999])
@pytest.mark.parametrize("kind", ["h5", "safetensors"])
def test_half_written_files_are_refused(tmp_path, keep, kind):
    whole = KERAS if kind == "h5" else save(load_model("open-s").network.state_dict())
    path = tmp_path / f"a.{kind}"
    path.write_bytes(whole[: int(len(whole) * keep)])
    refused(path, "not a whole Keras weights file|the safetensors file is damaged")


@pytest.mark.parametrize("name", ["renamed.safetensors", *HOSTILE.values()])
def test_the_name_of_a_file_does_not_matter(tmp_path, name):
    path, network = tmp_path / name, load_model("open-s").network
    for content in (KERAS, save(network.state_dict())):
        path.write_bytes(content)
        same(load_network(path, SPECS["s"]), network)


def test_weights_that_cannot_be_read_are_an_error(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.h5").touch()
    monkeypatch.setattr("neurofm_bids.model.weights.file_sha256", refuse)
    with pytest.raises(NeuroFMError, match=r"cannot be read \(Permission denied\): .*a\.h5") as error:
        load_model("open-s", tmp_path / "a.h5")
    assert error.value.code is Exit.NO_INPUT


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
    same(load_network(first, SPECS["s"]), load_model("open-s").network)
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


def fuzz_safetensors(tmp_path, seed, header):
    whole = save(load_model("open-s").network.state_dict())
    end = int.from_bytes(whole[:8], "little") + 8 if header else len(whole)
    (tmp_path / "a").write_bytes(damaged(whole, seed, 0, end))
    loads_or_is_refused(tmp_path / "a")


@settings(max_examples=30, **QUIETLY)
@given(seed=SEEDS, header=st.booleans())
def test_damaged_safetensors_load_whole_or_are_refused(tmp_path, seed, header):
    fuzz_safetensors(tmp_path, seed, header)


@pytest.mark.slow
@settings(max_examples=150, **QUIETLY)
@given(seed=SEEDS, header=st.booleans())
def test_much_damaged_safetensors_load_whole_or_are_refused(tmp_path, seed, header):
    fuzz_safetensors(tmp_path, seed, header)


def test_registry():
    assert model_names() == ("open-s", "neurofm-s", "neurofm-m", "neurofm-l")
    spec, digest = identify("open-s")
    assert (spec.label, digest) == ("openS", spec.sha256)
    for name in model_names():
        spec = model_spec(name)
        assert spec.latent_size == ARCHITECTURES[spec.variant].latent_size
        assert bool(spec.file) != bool(spec.repository)
        assert all((spec.license, spec.training, spec.validated, spec.notice))
    with pytest.raises(NeuroFMError, match="weights fetch neurofm-l`, or use a file with --weights") as error:
        identify("neurofm-l")
    assert error.value.code is Exit.NO_INPUT


def test_list_says_what_is_known_of_each_model(capsys):
    assert tools.main(["weights", "list"]) == 0
    said = capsys.readouterr().out
    for name in model_names():
        assert f"{name}\t" in said
    assert str(find_weights(model_spec("open-s"))) in said
    assert "not found: `neurofm-tools weights fetch neurofm-l`" in said
