import pytest
import torch

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.pretrain.training.checkpoint import read_checkpoint, write_checkpoint


def test_a_checkpoint_holds_groups_and_metadata(tmp_path):
    groups = {"model": {"a.weight": torch.arange(6.0).view(2, 3).T}, "moments": {"0|step": torch.tensor(3)}}
    write_checkpoint(tmp_path / "file", groups, {"step": 3})
    read, metadata = read_checkpoint(tmp_path / "file")
    assert metadata == {"step": 3}
    assert {group: list(members) for group, members in read.items()} == {
        "model": ["a.weight"],
        "moments": ["0|step"],
    }
    assert torch.equal(read["model"]["a.weight"], groups["model"]["a.weight"])
    assert read["moments"]["0|step"].dtype == torch.int64


def test_another_file_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"something else")
    with pytest.raises(NeuroFMError, match="not a checkpoint of pretraining"):
        read_checkpoint(tmp_path / "file")
