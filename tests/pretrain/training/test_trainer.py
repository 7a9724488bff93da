from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.model.architecture import ARCHITECTURES
from neurofm_bids.model.network import NeuroFMNet
from neurofm_bids.pretrain.training.distributed import ProcessGroup
from neurofm_bids.pretrain.training.features import FeatureObjective
from neurofm_bids.pretrain.training.recipe import Recipe
from neurofm_bids.pretrain.training.trainer import Trainer, read_checkpoint

CPU = ProcessGroup(torch.device("cpu"))


def trainer_of(recipe):
    return Trainer(recipe, FeatureObjective(recipe), CPU)


def test_training_lowers_the_loss_of_its_example(small_example):
    trainer = trainer_of(Recipe(warmup_steps=2, learning_rate=2e-4, target_weight=(0.1, 0.1, 1)))
    trainer.start([small_example])
    norm = trainer.model.network.blocks[0].bn1
    assert not norm.training
    assert norm.running_var.ne(1).all()
    losses = [trainer.step([small_example]) for _ in range(10)]
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])


def test_the_average_starts_as_a_mean_and_becomes_exponential():
    torch.manual_seed(0)
    trainer = trainer_of(Recipe(ema_update=0.3))
    trainer.initialise(NeuroFMNet(ARCHITECTURES["s"]))
    parameter, average = (
        trainer.model.network.heads["age"].bias,
        trainer.ema.module.heads["age"].bias.detach(),
    )
    expected = []
    for step, value in enumerate((1.0, 2.0, 3.0, 4.0, 5.0)):
        with torch.no_grad():
            start = float(average)
            parameter.fill_(value)
        trainer.ema.update_parameters(trainer.model.network)
        expected.append(start + (value - start) * max(0.3, 1 / (2 + step)))
        assert float(average) == pytest.approx(expected[-1])


def metadata(recipe):
    return {"recipe": asdict(recipe), "losses": {"cells": 1.0}}


def saved(recipe, step, path):
    trainer = trainer_of(recipe)
    trainer.initialise(trainer.model.network)
    trainer.step_number = step
    trainer.save(path, metadata(recipe))
    return path


@pytest.mark.parametrize(
    "changes", [{"steps": 20}, {"steps": 8}, {"decay_fraction": 0.1}, {"decay_fraction": 0.5}]
)
def test_the_schedule_can_change(tmp_path, changes):
    recipe = Recipe(steps=10, decay_fraction=0.3)
    path = saved(recipe, 8, tmp_path / "decaying")
    other = replace(recipe, **changes)
    trainer = trainer_of(other)
    assert trainer.load(path, metadata(other))["recipe"]["steps"] == 10
    assert (trainer.step_number, trainer.recipe) == (8, other)


def test_another_recipe_is_refused(tmp_path):
    path = saved(Recipe(), 0, tmp_path / "checkpoint")
    other = replace(Recipe(), learning_rate=1.0)
    with pytest.raises(NeuroFMError, match="different recipe"):
        trainer_of(other).load(path, metadata(other))


@pytest.mark.parametrize("losses", [{"cells": 2.0}, None])
def test_a_training_with_other_losses_or_of_an_earlier_version_is_refused(tmp_path, losses):
    recipe = Recipe()
    trainer = trainer_of(recipe)
    trainer.initialise(trainer.model.network)
    before = metadata(recipe) | {"losses": losses}
    if losses is None:
        del before["losses"]
    trainer.save(tmp_path / "checkpoint", before)
    with pytest.raises(NeuroFMError, match="different weighting of losses") as error:
        trainer_of(recipe).load(tmp_path / "checkpoint", metadata(recipe))
    assert "version" in error.value.fix


def test_a_checkpoint_holds_what_the_next_step_needs(tmp_path, small_example):
    trainer = trainer_of(Recipe())
    trainer.initialise(trainer.model.network)
    trainer.step([small_example])
    trainer.save(tmp_path / "file", {"parts": []})
    groups, about = read_checkpoint(tmp_path / "file")
    assert about == {"parts": [], "step": 1}
    assert list(groups) == ["ema", "model", "moments"]
    for name, value in trainer.model.state_dict().items():
        assert torch.equal(groups["model"][name], value)
    assert groups["moments"]["0|0|step"] == 1


def test_another_file_is_no_checkpoint(tmp_path):
    (tmp_path / "file").write_bytes(b"something else")
    with pytest.raises(NeuroFMError, match="not a checkpoint of pretraining"):
        read_checkpoint(tmp_path / "file")
