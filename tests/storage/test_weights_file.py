import json

import pytest
import torch
from safetensors.torch import save

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.storage import weights_file

STATE = {"a": torch.arange(24.0).reshape(1, 2, 3, 4, 1), "bn.num_batches_tracked": torch.tensor(3)}


def test_what_is_written_is_read(tmp_path):
    state = {**STATE, "b": torch.rand(2, 3, 4, 4, 4).to(memory_format=torch.channels_last_3d)}
    weights_file.write_weights(tmp_path / "a", state, {"licence": "CC0"})
    weights_file.write_weights(tmp_path / "b", state, {"licence": "CC0"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    file = weights_file.read_weights(tmp_path / "a")
    assert file.provenance == {"licence": "CC0"}
    assert file.arrays.keys() == {"a", "b"}
    assert all(torch.equal(value, state[name]) for name, value in file.arrays.items())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89HDF\r\n\x1a\n junk", "the file is HDF5; weights are read from safetensors only"),
        (b"PK", "a ZIP archive"),
        (b"", "of unknown type"),
        (b"\x10\0\0\0\0\0\0\0{}", "damaged"),
        (save({"a": torch.zeros(2)}, {weights_file.PROVENANCE: "[1]"}), "neurofm is not an object"),
        (save({"a": torch.zeros(2)}, {weights_file.PROVENANCE: "{"}), "damaged"),
        (save({"a": torch.tensor([torch.nan])}), "a is not finite float32"),
        (save({"a": torch.zeros(2, dtype=torch.float64)}), "a is not finite float32"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    (tmp_path / "w").write_bytes(content)
    with pytest.raises(NeuroFMError, match=message) as error:
        weights_file.read_weights(tmp_path / "w")
    assert error.value.where == tmp_path / "w"


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ({}, "a is unknown"),
        ({"a": torch.zeros(1), "b": torch.zeros(1)}, "b is missing"),
        ({"a": torch.zeros(2)}, r"a has shape \(1,\) instead of \(2,\)"),
    ],
)
def test_arrays_of_another_network_are_refused(tmp_path, expected, message):
    with pytest.raises(NeuroFMError, match=message) as error:
        weights_file.check_arrays(tmp_path, {"a": torch.zeros(1)}, expected, "Do this.")
    assert error.value.fix == "Do this."


def test_counters_are_left_out():
    assert weights_file.without_counters(STATE).keys() == {"a"}


def test_files_without_provenance_are_read(tmp_path):
    (tmp_path / "w").write_bytes(save({"a": torch.zeros(2)}))
    assert json.dumps(weights_file.read_weights(tmp_path / "w").provenance) == "{}"
