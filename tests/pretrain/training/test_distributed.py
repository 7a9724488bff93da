import pytest
import torch
from torch import distributed

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.pretrain.training.distributed import ProcessGroup, join_process_group


def test_gradients_and_numbers_are_averaged_over_processes(monkeypatch):
    monkeypatch.setattr(
        distributed, "all_reduce", lambda tensor: tensor.add_(1)
    )  # the other process has ones
    group = ProcessGroup(torch.device("cpu"), 0, 2)
    parameters = [torch.nn.Parameter(torch.zeros(2, 3)), torch.nn.Parameter(torch.zeros(4))]
    parameters[0].grad = torch.full((2, 3), 3.0)
    group.average_gradients(parameters)
    assert torch.equal(parameters[0].grad, torch.full((2, 3), 2.0))
    assert parameters[1].grad is None
    assert group.mean(5.0) == 3.0


def test_one_process_changes_nothing(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with join_process_group("cpu") as group:
        assert (group.is_main, group.size, group.mean(5.0)) == (True, 1, 5.0)
        group.wait()


def test_several_processes_cannot_name_one_gpu(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(NeuroFMError, match="cannot share one GPU") as error, join_process_group("cuda:0"):
        pass
    assert error.value.code == Exit.USAGE
