import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from neurofm_bids.anatomy.weights import load_anatomy_network
from neurofm_bids.cli.tools import main
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.architecture import ARCHITECTURES
from neurofm_bids.model.network import NeuroFMNet
from neurofm_bids.model.registry import model_spec
from neurofm_bids.model.weights import load_network, save_network
from neurofm_bids.pretrain.training.distributed import ProcessGroup
from neurofm_bids.pretrain.training.features import FeatureObjective
from neurofm_bids.pretrain.training.recipe import ANATOMY, SMOKE, Recipe
from neurofm_bids.pretrain.training.run import export, train
from neurofm_bids.pretrain.training.segmentation import SegmentationObjective
from neurofm_bids.pretrain.training.trainer import Trainer, read_checkpoint
from neurofm_bids.storage.atomic import file_sha256

CHECKPOINT = "checkpoint.safetensors"


def train_interrupted(recipe, settings, monkeypatch):
    """Train, interrupted at the second step, and resume; return the checkpoint."""
    step = Trainer.step

    def interrupted(trainer, examples):
        if trainer.step_number == 1:
            raise KeyboardInterrupt
        return step(trainer, examples)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, settings)
    assert read_checkpoint(settings.out / CHECKPOINT)[1]["step"] == 1
    log = settings.out / "training.jsonl"
    log.write_text(json.dumps({**json.loads(log.read_text()), "seconds": 1000.0}) + "\n")
    return train(recipe, settings)


def test_training_with_muon_resumes_to_the_step(recipe, settings, tmp_path, monkeypatch):
    recipe = replace(recipe, optimizer="muon")
    whole = train(recipe, replace(settings, out=tmp_path / "whole"))
    resumed = train_interrupted(recipe, replace(settings, out=tmp_path / "resumed"), monkeypatch)
    assert resumed.read_bytes() == whole.read_bytes()


def test_training_resumes_to_the_step(recipe, settings, run_folder, tmp_path, monkeypatch):
    resumed = train_interrupted(recipe, replace(settings, out=tmp_path), monkeypatch)
    assert resumed.read_bytes() == (run_folder / CHECKPOINT).read_bytes()
    rows = [json.loads(row) for row in (tmp_path / "training.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3]
    assert 1000 < rows[1]["seconds"] <= rows[2]["seconds"]
    assert "brain_mae" in rows[-1]


def test_a_segmentation_network_is_trained_resumed_and_exported(recipe, settings, tmp_path, monkeypatch):
    whole_box, part = SegmentationObjective.arrays, (..., *[slice(20, 44)] * 3)
    monkeypatch.setattr(
        SegmentationObjective,
        "arrays",
        lambda self, sample: {name: array[part] for name, array in whole_box(self, sample).items()},
    )
    recipe = replace(recipe, variant=ANATOMY)
    settings = replace(settings, init=None, out=tmp_path / "whole")
    whole = train(recipe, settings)
    resumed = train_interrupted(recipe, replace(settings, out=tmp_path / "resumed"), monkeypatch)
    assert resumed.read_bytes() == whole.read_bytes()
    rows = [json.loads(row) for row in (tmp_path / "whole" / "training.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3]
    assert 0 < rows[-1]["dice"] < 1
    target = tmp_path / "weights.safetensors"
    assert main(["pretrain", "export", str(tmp_path / "whole"), str(target)]) == 0
    average = read_checkpoint(whole)[0]["ema"]
    for name, value in load_anatomy_network(target).state_dict().items():
        assert torch.equal(value, average[f"module.{name}"]), name
    again = replace(settings, init=target, out=tmp_path / "again")
    first = read_checkpoint(train(replace(recipe, steps=1, warmup_steps=10**9), again))[0]["ema"]
    for name, value in average.items():
        assert torch.allclose(first[name].float(), value.float(), atol=1e-4) or name == "n_averaged", name


@pytest.mark.slow
def test_a_killed_training_resumes_with_the_same_result(recipe, settings, run_folder, tmp_path):
    settings = replace(settings, out=tmp_path)
    code = (
        "import os, signal\n"
        "from pathlib import PosixPath\n"
        "from neurofm_bids.pretrain.settings import Training\n"
        "from neurofm_bids.pretrain.training.recipe import Recipe\n"
        "from neurofm_bids.pretrain.training.run import train\n"
        "from neurofm_bids.pretrain.training.trainer import Trainer\n"
        "save = Trainer.save\n"
        "def save_and_die(self, path, metadata):\n"
        "    save(self, path, metadata)\n"
        "    if self.step_number == 2: os.kill(os.getpid(), signal.SIGKILL)\n"
        "Trainer.save = save_and_die\n"
        f"train({recipe!r}, {settings!r})\n"
    )
    result = subprocess.run([sys.executable, "-c", code], check=False)
    assert result.returncode == -9
    assert read_checkpoint(tmp_path / CHECKPOINT)[1]["step"] == 2
    resumed = train(recipe, replace(settings, workers=1, every=100))
    assert resumed.read_bytes() == (run_folder / CHECKPOINT).read_bytes()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": 1.0}, "different recipe"),
        ({"held_out": ("one-aparc", "two")}, "needed both for training and to hold out"),
        ({"held_out": ("three",)}, "no label map named three"),
    ],
)
def test_other_recipes_and_unusable_maps_are_refused(recipe, settings, run_folder, changes, message):
    with pytest.raises(NeuroFMError, match=message) as error:
        train(replace(recipe, **changes), replace(settings, out=run_folder))
    assert error.value.code == Exit.USAGE


def test_label_maps_can_be_added_but_not_removed(recipe, settings, maps, run_folder, tmp_path):
    run, more = tmp_path / "run", tmp_path / "more"
    run.mkdir()
    more.mkdir()
    shutil.copyfile(run_folder / CHECKPOINT, run / CHECKPOINT)
    shutil.copyfile(maps / "two.nii.gz", more / "three.nii.gz")
    longer = replace(recipe, steps=recipe.steps + 1)
    path = train(longer, replace(settings, out=run, maps=(maps, more)))
    parts = read_checkpoint(path)[1]["parts"]
    assert [(part["from_step"], sorted(part["maps"])) for part in parts] == [
        (0, ["one-aparc", "two"]),
        (recipe.steps, ["one-aparc", "three", "two"]),
    ]
    with pytest.raises(NeuroFMError, match="also used three") as error:
        train(longer, replace(settings, out=run))
    assert error.value.code == Exit.USAGE


def test_a_batch_that_the_processes_cannot_share_is_refused(settings, monkeypatch):
    @contextmanager
    def three(device):
        yield ProcessGroup(torch.device("cpu"), 0, 3)

    monkeypatch.setattr("neurofm_bids.pretrain.training.run.join_process_group", three)
    with pytest.raises(NeuroFMError, match="3 processes cannot share a batch of 4"):
        train(Recipe(), settings)


def test_averaged_weights_are_exported(run_folder, tmp_path):
    assert main(["pretrain", "export", str(run_folder), str(tmp_path / "weights.safetensors")]) == 0
    network = load_network(tmp_path / "weights.safetensors", model_spec("open-s"))
    average = read_checkpoint(run_folder / CHECKPOINT)[0]["ema"]
    for name, value in network.state_dict().items():
        assert not value.ndim or torch.equal(value, average[f"module.{name}"]), name
    with pytest.raises(NeuroFMError, match="no checkpoint found") as error:
        export(tmp_path, tmp_path / "weights.safetensors")
    assert error.value.code == Exit.NO_INPUT


def test_training_starts_from_initial_weights(recipe, settings, tmp_path):
    network = NeuroFMNet(ARCHITECTURES["s"])
    save_network(network, tmp_path / "initial.safetensors", {})
    one_step = replace(recipe, steps=1, warmup_steps=10**9)
    initial = tmp_path / "initial.safetensors"
    settings = replace(settings, out=tmp_path / "run", init=initial)
    path = train(one_step, settings)
    groups, metadata = read_checkpoint(path)
    assert metadata["recipe"]["initial_sha256"] == file_sha256(initial)
    for name, value in network.state_dict().items():
        assert torch.allclose(value.float(), groups["ema"][f"module.{name}"].float(), atol=1e-4), name
    with pytest.raises(NeuroFMError, match="different recipe"):
        train(one_step, replace(settings, init=None))


def test_a_loss_that_is_not_finite_stops_before_the_checkpoint(recipe, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(Trainer, "step", lambda self, _: setattr(self, "step_number", 1) or float("nan"))
    with pytest.raises(NeuroFMError, match="not finite at step 1"):
        train(recipe, replace(settings, out=tmp_path))
    assert read_checkpoint(tmp_path / CHECKPOINT)[1]["step"] == 0


def test_rows_of_the_log_after_the_checkpoint_are_dropped(recipe, settings, run_folder, tmp_path):
    for name in (CHECKPOINT, "training.jsonl"):
        (tmp_path / name).write_bytes((run_folder / name).read_bytes())
    with (tmp_path / "training.jsonl").open("a") as stream:
        stream.write('{"step": 4}\n')
    train(recipe, replace(settings, out=tmp_path))
    assert (tmp_path / "training.jsonl").read_bytes() == (run_folder / "training.jsonl").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_two_processes_learn_what_one_does(maps, cache, tmp_path, optimizer):
    command = ["pretrain", "train", "--maps", str(maps), "--cache", str(cache), "--smoke"]
    command += ["--optimizer", optimizer]
    command += ["--held-out", "two", "--workers", "0", "--precision", "float32"]
    assert main([*command, str(tmp_path / "one")]) == 0
    torchrun, tools = (str(Path(sys.executable).with_name(n)) for n in ("torchrun", "neurofm-tools"))
    options = ["--standalone", "--nproc-per-node=2", "--no-python"]
    result = subprocess.run(
        [torchrun, *options, tools, *command, str(tmp_path / "two")],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    one, two = (read_checkpoint(tmp_path / n / CHECKPOINT)[0]["model"] for n in ("one", "two"))
    recipe = Recipe(**SMOKE, optimizer=optimizer)
    trainer = Trainer(recipe, FeatureObjective(recipe), ProcessGroup(torch.device("cpu")))
    initial = trainer.model.named_parameters()
    change, difference = 0.0, 0.0
    for name, start in initial:
        change += float((one[name] - start).detach().square().sum())
        difference += float((one[name] - two[name]).square().sum())
    assert change > 0
    assert difference < 0.1**2 * change  # AdamW turns rounding errors of tiny gradients into whole steps
