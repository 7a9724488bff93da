"""Pretraining: losses, training in one process or two, and its weights, on a small map made here."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from neurofm_bids.cli.tools import main
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.model.architecture import ARCHITECTURES
from neurofm_bids.model.fast import FastNetwork
from neurofm_bids.model.network import NeuroFMNet
from neurofm_bids.model.weights import file_sha256, load_model, load_network, save_network
from neurofm_bids.pretrain import runs
from neurofm_bids.pretrain.checkpoint import read_checkpoint
from neurofm_bids.pretrain.losses import Teacher
from neurofm_bids.pretrain.processes import Team
from neurofm_bids.pretrain.recipe import SMOKE, Recipe
from neurofm_bids.pretrain.runs import train
from neurofm_bids.pretrain.samples import SampleStore, Schedule, load_items
from neurofm_bids.pretrain.training import Training, whole_lattice

ALONE = Team(torch.device("cpu"))


def store(anatomies):
    return SampleStore(anatomies, Schedule(1, round_size=8), range(8), None)


def test_the_exact_crop_gives_what_the_whole_lattice_gives(anatomies):
    network = load_model("open-s").network
    fast = FastNetwork(network, differentiable=True)
    for number in (0, 1):
        item = store(anatomies)[number]
        with torch.no_grad():
            whole = network.forward_lattice(whole_lattice(item)[None, None])
            crop = fast(item.box[None], item.start, item.background[None])
        assert torch.allclose(crop.latent, whole.latent, atol=1e-5, rtol=1e-5)


def test_gradients_of_the_exact_crop_are_those_of_the_whole_lattice(anatomies):
    torch.manual_seed(0)
    network = NeuroFMNet(ARCHITECTURES["s"]).eval()
    item = store(anatomies)[0]
    network.forward_lattice(whole_lattice(item)[None, None]).latent.square().sum().backward()
    whole = [p.grad.clone() for p in network.blocks.parameters()]
    network.zero_grad()
    fast = FastNetwork(network, differentiable=True)
    fast(item.box[None], item.start, item.background[None]).latent.square().sum().backward()
    for one, two in zip(whole, (p.grad for p in network.blocks.parameters()), strict=True):
        assert torch.allclose(one, two, atol=1e-6 + 1e-3 * float(one.abs().max()))


@pytest.mark.parametrize("variant", ["s", "m", "l"])
def test_every_variant_learns_from_an_item(anatomies, variant):
    torch.manual_seed(0)
    teacher = Teacher(ARCHITECTURES[variant])
    teacher.network.eval()
    loss = teacher(store(anatomies)[0], 1.0)
    loss.backward()
    missing = [n for n, p in teacher.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not missing


def test_training_lowers_the_loss_of_what_it_sees(anatomies):
    items = [store(anatomies)[n] for n in range(2)]
    recipe = replace(Recipe(), warmup=2, rate=3e-4, pooled=(0.1, 0.1, 1))
    training = Training(recipe, ALONE)
    training.calibrate(items)
    losses = [training.step(items) for _ in range(12)]
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])


def test_training_goes_on_to_the_step(maps, cache, tmp_path):
    recipe = Recipe(**{**SMOKE, "held_out": ("two",), "passes": 2})
    whole = train(recipe, maps, tmp_path / "whole", cache=cache, workers=0, every=1)
    train(recipe, maps, tmp_path / "parts", cache=cache, workers=0, every=1, stop_after=0)
    _, about = read_checkpoint(tmp_path / "parts" / "checkpoint.safetensors")
    assert about["step"] == 1
    parts = train(recipe, maps, tmp_path / "parts", cache=cache, workers=0, every=1)
    assert parts.read_bytes() == whole.read_bytes()
    rows = [json.loads(row) for row in (tmp_path / "parts" / "training.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert "brain_mae" in rows[-1]


def test_training_refuses_another_recipe_and_no_maps(maps, cache, tmp_path):
    recipe = Recipe(**{**SMOKE, "held_out": ("two",)})
    train(recipe, maps, tmp_path / "out", cache=cache, workers=0, every=1, stop_after=0)
    with pytest.raises(NeuroFMError, match="another recipe"):
        train(replace(recipe, rate=1.0), maps, tmp_path / "out", cache=cache, workers=0)
    for held_out, message in ((("one", "two"), "to learn from"), (("three",), "no label map three")):
        with pytest.raises(NeuroFMError, match=message):
            train(replace(recipe, held_out=held_out), maps, tmp_path / "new", cache=cache, workers=0)


def test_two_processes_learn_what_one_does(maps, cache, tmp_path):
    command = ["pretrain", "train", "--maps", str(maps), "--cache", str(cache), "--smoke"]
    command += ["--held-out", "two", "--workers", "0", "--precision", "float32"]
    assert main([*command, str(tmp_path / "one")]) == 0
    torchrun, tools = (str(Path(sys.executable).with_name(n)) for n in ("torchrun", "neurofm-tools"))
    done = subprocess.run(
        [
            torchrun,
            "--standalone",
            "--nproc-per-node=2",
            "--no-python",
            tools,
            *command,
            str(tmp_path / "two"),
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    one, two = (
        read_checkpoint(tmp_path / n / "checkpoint.safetensors")[0]["teacher"] for n in ("one", "two")
    )
    began = Training(Recipe(**SMOKE), ALONE).teacher.named_parameters()
    moved, apart = 0.0, 0.0
    for name, start in began:
        moved += float((one[name] - start).detach().square().sum())
        apart += float((one[name] - two[name]).square().sum())
    assert moved > 0
    assert apart < 0.1**2 * moved  # AdamW turns the rounding of tiny gradients into whole steps


def test_a_batch_that_cannot_be_shared_is_refused(maps, cache, tmp_path, monkeypatch):
    @contextmanager
    def three(device):
        yield Team(torch.device("cpu"), 0, 3)

    monkeypatch.setattr(runs, "join_team", three)
    with pytest.raises(NeuroFMError, match="cannot be shared by 3 processes"):
        train(Recipe(), maps, tmp_path, cache=cache)


def test_averaged_weights_are_exported_and_loaded(maps, cache, tmp_path):
    recipe = Recipe(**{**SMOKE, "held_out": ("two",)})
    train(recipe, maps, tmp_path / "run", cache=cache, workers=0)
    target = tmp_path / "weights.safetensors"
    assert main(["pretrain", "export", str(tmp_path / "run"), str(target)]) == 0
    network = load_network(target, "s")
    average = read_checkpoint(tmp_path / "run" / "checkpoint.safetensors")[0]["average"]
    for name, value in network.state_dict().items():
        assert not value.ndim or torch.equal(value, average[name]), name
    assert main(["pretrain", "export", str(tmp_path), str(target)]) == 66
    assert main(["pretrain", "export", str(tmp_path / "run"), str(tmp_path / "weights.pt")]) == 64


def test_training_begins_with_given_weights(maps, cache, tmp_path):
    first = tmp_path / "first.safetensors"
    network = NeuroFMNet(ARCHITECTURES["s"])
    save_network(network, first, {})
    recipe = Recipe(**{**SMOKE, "steps": 1, "warmup": 10**9})
    path = train(recipe, maps, tmp_path / "run", cache=cache, initial=first, workers=0)
    parts, about = read_checkpoint(path)
    assert about["recipe"]["initial"] == file_sha256(first)
    for name, value in network.state_dict().items():
        assert torch.allclose(value.float(), parts["average"][name].float(), atol=1e-4), name
    with pytest.raises(NeuroFMError, match="another recipe"):
        train(recipe, maps, tmp_path / "run", cache=cache, workers=0)


def test_a_killed_training_goes_on_as_if_nothing_had_happened(maps, cache, tmp_path):
    command = ["pretrain", "train", "--maps", str(maps), "--cache", str(cache), "--smoke", "--workers", "1"]
    code = (
        "import os, signal, sys\n"
        "from neurofm_bids.pretrain import runs\n"
        "write = runs.Training.write\n"
        "def killed(self, path, about):\n"
        "    write(self, path, about)\n"
        "    if self.step_number == 2: os.kill(os.getpid(), signal.SIGKILL)\n"
        "runs.Training.write = killed\n"
        "from neurofm_bids.pretrain.recipe import SMOKE, Recipe\n"
        "from pathlib import Path\n"
        "maps, cache, out = map(Path, sys.argv[1:])\n"
        "runs.train(Recipe(**SMOKE), maps, out, cache=cache, workers=0, every=1)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, maps, cache, tmp_path / "killed"], check=False)
    assert done.returncode == -9
    assert main([*command, str(tmp_path / "killed")]) == 0
    assert main([*command, str(tmp_path / "whole")]) == 0
    killed, whole = ((tmp_path / n / "checkpoint.safetensors").read_bytes() for n in ("killed", "whole"))
    assert killed == whole


def test_steps_can_change_until_the_rate_falls(maps, cache, tmp_path):
    recipe = Recipe(**{**SMOKE, "steps": 8})
    train(recipe, maps, tmp_path, cache=cache, workers=0, every=1, stop_after=0)
    longer = replace(recipe, steps=10)
    train(longer, maps, tmp_path, cache=cache, workers=0, every=8, stop_after=0)
    with pytest.raises(NeuroFMError, match="the rate falls already"):
        train(replace(recipe, steps=20), maps, tmp_path, cache=cache, workers=0)


def test_a_loss_that_is_not_finite_ends_training_before_it_is_kept(maps, cache, tmp_path, monkeypatch):
    monkeypatch.setattr(Training, "step", lambda self, _: setattr(self, "step_number", 1) or float("nan"))
    with pytest.raises(NeuroFMError, match="not finite at step 1"):
        train(Recipe(**SMOKE), maps, tmp_path, cache=cache, workers=0, every=1)
    assert read_checkpoint(tmp_path / "checkpoint.safetensors")[1]["step"] == 0


def test_samples_of_finished_rounds_are_removed(tmp_path):
    for index in range(6):
        (tmp_path / f"9-{index}.npz").touch()
    (tmp_path / "9-1.77").touch()
    runs._forget(tmp_path, Schedule(9, passes=2, round_size=2), place=9)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["9-4.npz", "9-5.npz"]


def test_samples_do_not_depend_on_who_makes_them(anatomies, tmp_path):
    found = []
    for workers in (0, 2):
        store = SampleStore(anatomies, Schedule(1, round_size=4), range(3), tmp_path / str(workers))
        found.append(list(load_items(store, workers)))
    for one, two in zip(*found, strict=True):
        assert torch.equal(one.box, two.box)
        assert torch.equal(one.brain_ml, two.brain_ml)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--batch", "0"], "0 is not 1 or more"),
        (["--workers", "-1"], "-1 workers"),
        (["--device", "gpu"], "unknown device"),
        (["--device", "cuda:7"], "no such device"),
        (["--variant", "x"], "invalid choice"),
    ],
)
def test_options_of_training_are_checked(maps, tmp_path, caplog, options, message):
    assert main(["pretrain", "train", str(tmp_path / "run"), "--maps", str(maps), *options]) == 64
    assert message in caplog.text


def test_label_maps_come_from_the_environment_or_are_asked_for(tmp_path, caplog, monkeypatch):
    monkeypatch.delenv("NEUROFM_LABEL_MAPS", raising=False)
    assert main(["pretrain", "synthesize", str(tmp_path / "out")]) == 64
    assert "NEUROFM_LABEL_MAPS" in caplog.text
    monkeypatch.setenv("NEUROFM_LABEL_MAPS", str(tmp_path))
    assert main(["pretrain", "synthesize", str(tmp_path / "out")]) == 66
