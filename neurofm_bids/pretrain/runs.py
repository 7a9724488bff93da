"""Runs: from label maps to weights in a folder, resumable to the step, in one process or many."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from neurofm_bids import __version__
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.architecture import ARCHITECTURES
from neurofm_bids.model.network import NeuroFMNet
from neurofm_bids.model.weights import save_network
from neurofm_bids.pretrain.anatomy import Anatomy, load_anatomies
from neurofm_bids.pretrain.checkpoint import read_checkpoint
from neurofm_bids.pretrain.processes import Team, join_team
from neurofm_bids.pretrain.recipe import Recipe
from neurofm_bids.pretrain.samples import Item, SampleStore, Schedule, load_items
from neurofm_bids.pretrain.training import Training
from neurofm_bids.pretrain.validation import validate

__all__ = ["export", "train"]

_log = logging.getLogger("neurofm_bids")
_CHECKPOINT = "checkpoint.safetensors"
_CALIBRATION = 12  # samples whose statistics the normalisation takes


def train(
    recipe: Recipe,
    maps: Path,
    out: Path,
    *,
    cache: Path,
    device: str = "cpu",
    workers: int = 2,
    every: int = 100,
    stop_after: float | None = None,
) -> Path:
    """Train, or go on with the training of a folder, and return its checkpoint.

    Parameters
    ----------
    recipe
        What to train.
    maps
        Folder with label maps.
    out
        Folder for the checkpoint, the log (``training.jsonl``) and samples that are shown again.
    cache
        Folder of prepared maps.
    device
        As torch names it.
    workers
        Processes that make samples, for each process that trains; 0 makes them on its device as they are
        needed.
    every
        Steps between checkpoints.
    stop_after
        Seconds after which to stop at the next checkpoint.

    Raises
    ------
    NeuroFMError
        The maps cannot be used, or the folder holds another training.
    """
    with join_team(torch.device(device)) as team:
        return _Run(recipe, maps, out, cache, torch.device(device), team, workers).go(every, stop_after)


class _Run:
    """One training in its folder."""

    def __init__(
        self,
        recipe: Recipe,
        maps: Path,
        out: Path,
        cache: Path,
        device: torch.device,
        team: Team,
        workers: int,
    ) -> None:
        if recipe.batch % team.size:
            raise NeuroFMError(
                f"a batch of {recipe.batch} cannot be shared by {team.size} processes",
                fix="Give a --batch that is a multiple of their number.",
                code=Exit.USAGE,
            )
        self.recipe, self.out, self.team, self.workers = recipe, out, team, workers
        anatomies = _prepared(maps, cache, team)
        self.learnt = [a for a in anatomies if a.name not in recipe.held_out]
        self.held_out = [a for a in anatomies if a.name in recipe.held_out] or anatomies
        if not self.learnt:
            raise NeuroFMError("all maps are held out", where=maps, fix="Add maps.", code=Exit.USAGE)
        self.about = {"recipe": asdict(recipe), "maps": [a.name for a in anatomies]}
        self.schedule = Schedule(recipe.seed, recipe.passes, recipe.round_size)
        self.kept = out / "samples"
        self.kept.mkdir(parents=True, exist_ok=True)
        self.training = Training(recipe, device, team)
        self.path = out / _CHECKPOINT

    def go(self, every: int, stop_after: float | None) -> Path:
        """Train to the end, or until the seconds are over, and return the checkpoint."""
        began = time.monotonic()
        self._begin()
        checks = self._validation_items() if self.team.leads else []
        training, recipe = self.training, self.recipe
        losses: list[float] = []
        for batch in _batches(self._items(), recipe.batch // self.team.size):
            losses.append(training.step(batch))
            done = training.step_number
            if done % every and done != recipe.steps:
                continue
            row = {
                "step": done,
                "loss": float(np.mean(losses)),
                "seconds": round(time.monotonic() - began, 1),
            }
            losses.clear()
            if self.team.leads:
                self._record(row, checks if done % (5 * every) == 0 or done == recipe.steps else [])
            self.team.wait()
            if stop_after is not None and row["seconds"] > stop_after:
                break
        return self.path

    def _begin(self) -> None:
        """Take up the checkpoint, or make the first."""
        if not self.path.is_file():
            first = self._made(self.learnt, self.schedule, range(_CALIBRATION))
            self.training.calibrate(list(first))
            self.team.wait()
            if self.team.leads:
                self.training.write(self.path, self.about)
            self.team.wait()
        self.training.read(self.path, self.about)

    def _record(self, row: dict[str, float], checks: Sequence[Item]) -> None:
        if checks:
            row.update(validate(self.training.average, checks))
        with (self.out / "training.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
        _log.info("%s", " ".join(f"{key} {value:.4g}" for key, value in row.items()))
        self.training.write(self.path, self.about)
        _forget(self.kept, self.schedule, self.training.step_number * self.recipe.batch)

    def _items(self) -> Iterator[Item]:
        """Yield this process's items from the next step to the last."""
        recipe, team = self.recipe, self.team
        first = self.training.step_number * recipe.batch + team.rank
        places = range(first, recipe.steps * recipe.batch, team.size)
        return self._made(self.learnt, self.schedule, places)

    def _validation_items(self) -> list[Item]:
        count = self.recipe.validation
        schedule = Schedule(self.recipe.seed + 1, passes=2, round_size=count)
        return list(self._made(self.held_out, schedule, range(count)))

    def _made(self, anatomies: Sequence[Anatomy], schedule: Schedule, places: range) -> Iterator[Item]:
        device = self.training.device if self.workers == 0 else torch.device("cpu")
        return load_items(SampleStore(anatomies, schedule, places, self.kept, device), self.workers)


def export(checkpoint: Path, target: Path) -> None:
    """Write the averaged weights of a checkpoint as safetensors, with the recipe they came from.

    Parameters
    ----------
    checkpoint
        File, or folder of a training.
    target
        A ``.safetensors`` file.

    Raises
    ------
    NeuroFMError
        There is no checkpoint, or the target cannot be written.
    """
    path = checkpoint / _CHECKPOINT if checkpoint.is_dir() else checkpoint
    parts, about = read_checkpoint(path)
    network = NeuroFMNet(ARCHITECTURES[about["recipe"]["variant"]])
    network.load_state_dict(parts["average"])
    save_network(network, target, {**about, "trained_by": f"NeuroFM-BIDS {__version__}"})


def _prepared(maps: Path, cache: Path, team: Team) -> list[Anatomy]:
    """Return the prepared maps; one process prepares what is not in the cache."""
    if not team.leads:
        team.wait()
    anatomies = load_anatomies(maps, cache)
    if team.leads:
        team.wait()
    return anatomies


def _batches(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    batch: list[Item] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []


def _forget(kept: Path, schedule: Schedule, place: int) -> None:
    """Remove the samples of rounds that are over."""
    rounds = place // (schedule.round_size * schedule.passes)
    for number in range(max(0, (rounds - 1)) * schedule.round_size, rounds * schedule.round_size):
        (kept / f"{schedule.seed}-{number}.npz").unlink(missing_ok=True)
