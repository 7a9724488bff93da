"""Runs: from label maps to weights in a folder, resumable to the step, in one process or many."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np
import torch

from neurofm_bids import __version__
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.architecture import ARCHITECTURES
from neurofm_bids.model.network import NeuroFMNet
from neurofm_bids.model.weights import file_sha256, load_network, save_network
from neurofm_bids.pretrain.anatomy import Anatomy, load_anatomies
from neurofm_bids.pretrain.checkpoint import read_checkpoint
from neurofm_bids.pretrain.processes import Team, join_team
from neurofm_bids.pretrain.recipe import Recipe
from neurofm_bids.pretrain.samples import Item, SampleStore, Schedule, load_items
from neurofm_bids.pretrain.synthesis import GENERATOR
from neurofm_bids.pretrain.training import Training
from neurofm_bids.pretrain.validation import validate
from neurofm_bids.storage.atomic import write_text

__all__ = ["export", "train"]

Row: TypeAlias = dict[str, float | None]
_log = logging.getLogger("neurofm_bids")
_CHECKPOINT = "checkpoint.safetensors"
_LOG = "training.jsonl"


def train(
    recipe: Recipe,
    maps: Path,
    out: Path,
    *,
    cache: Path,
    initial: Path | None = None,
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
        Folder for the checkpoint, the log (``training.jsonl``) and samples that are shown again; several
        processes need to share it.
    cache
        Folder of prepared maps.
    initial
        Weights of the variant to begin with instead of random ones.
    device
        ``cpu``, ``cuda`` or ``cuda:N``.
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
    network = None
    if initial is not None:
        network = load_network(initial, recipe.variant)
        recipe = replace(recipe, initial=file_sha256(initial))
    with join_team(device) as team:
        return _Run(recipe, maps, out, cache, team, workers).go(network, every, stop_after)


class _Run:
    """One training in its folder."""

    def __init__(self, recipe: Recipe, maps: Path, out: Path, cache: Path, team: Team, workers: int) -> None:
        if recipe.batch % team.size:
            raise NeuroFMError(
                f"a batch of {recipe.batch} cannot be shared by {team.size} processes",
                fix="Give a --batch that is a multiple of their number.",
                code=Exit.USAGE,
            )
        self.recipe, self.out, self.team, self.workers = recipe, out, team, workers
        anatomies = _prepared(maps, cache, team)
        self.learnt, self.held_out = _divided(anatomies, recipe.held_out, maps)
        self.about = {"recipe": asdict(recipe), "maps": {a.name: a.digest for a in anatomies}}
        self.schedule = Schedule(recipe.seed, recipe.passes, recipe.round_size)
        self.training = Training(recipe, team)
        self.path = out / _CHECKPOINT

    def go(self, network: NeuroFMNet | None, every: int, stop_after: float | None) -> Path:
        """Train to the end, or until the seconds are over, and return the checkpoint."""
        began = time.monotonic()
        self._begin(network)
        checks = self._validation_items() if self.team.leads else []
        training, recipe, team = self.training, self.recipe, self.team
        losses: list[float] = []
        for batch in _batches(self._items(), recipe.batch // team.size):
            losses.append(training.step(batch))
            done = training.step_number
            if done % every and done != recipe.steps:
                continue
            loss, seconds = team.mean(float(np.mean(losses))), team.mean(time.monotonic() - began)
            losses.clear()
            if team.leads:
                row: Row = {"step": done, "loss": loss, "seconds": round(seconds, 1)}
                self._record(row, checks if done % (5 * every) == 0 or done == recipe.steps else [])
            team.wait()
            if stop_after is not None and seconds > stop_after:
                break
        _log.info("Step %d of %d is done.", training.step_number, recipe.steps)
        return self.path

    def _begin(self, network: NeuroFMNet | None) -> None:
        """Take up the checkpoint, or make the first."""
        if not self.path.is_file():
            if network is None:
                first = self._made(self.learnt, self.schedule, range(self.recipe.calibration))
                self.training.calibrate(list(first))
            else:
                self.training.begin_with(network)
            self.team.wait()
            if self.team.leads:
                self.training.write(self.path, self.about)
            self.team.wait()
        self.training.read(self.path, self.about)
        if self.team.leads:
            self._keep_rows()

    def _keep_rows(self) -> None:
        """Drop the rows of the log that a kill left behind without their checkpoint."""
        log = self.out / _LOG
        rows = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
        kept = [row for row in rows if json.loads(row)["step"] <= self.training.step_number]
        if kept != rows:
            write_text(log, "".join(f"{row}\n" for row in kept))

    def _record(self, row: Row, checks: Sequence[Item]) -> None:
        if not math.isfinite(cast("float", row["loss"])):
            raise NeuroFMError(
                f"the loss is not finite at step {row['step']}",
                where=self.path,
                fix="The last checkpoint is from before. Go on with --precision float32, or a lower rate.",
                code=Exit.SOFTWARE,
            )
        if checks:
            row |= validate(self.training.average, checks)
        with (self.out / _LOG).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
        _log.info("%s", " ".join(f"{k} {v:.4g}" for k, v in row.items() if v is not None))
        self.training.write(self.path, self.about)
        _forget(self._kept(self.learnt), self.schedule, self.training.step_number * self.recipe.batch)

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
        device = self.team.device if self.workers == 0 else torch.device("cpu")
        store = SampleStore(anatomies, schedule, places, self._kept(anatomies), device)
        return load_items(store, self.workers)

    def _kept(self, anatomies: Sequence[Anatomy]) -> Path:
        """Return the folder of samples of these maps, as this version makes them."""
        made_of = json.dumps([GENERATOR, *(a.digest for a in anatomies)])
        folder = self.out / "samples" / hashlib.sha256(made_of.encode()).hexdigest()[:12]
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _divided(
    anatomies: Sequence[Anatomy], held_out: Sequence[str] | None, maps: Path
) -> tuple[list[Anatomy], list[Anatomy]]:
    """Return the maps to learn from, and those for validation: the named ones, or the last fifth."""
    names = [a.name for a in anatomies]
    chosen = set(names[-max(1, len(names) // 5) :] if held_out is None else held_out)
    unknown = sorted(chosen - set(names))
    if unknown:
        raise NeuroFMError(
            f"there is no label map {', '.join(unknown)}",
            where=maps,
            fix=f"Hold out some of {', '.join(names)}.",
            code=Exit.USAGE,
        )
    learnt = [a for a in anatomies if a.name not in chosen]
    if not learnt or not chosen:
        raise NeuroFMError(
            "maps are needed both to learn from and to hold out",
            where=maps,
            fix="Add maps, or change --held-out.",
            code=Exit.USAGE,
        )
    return learnt, [a for a in anatomies if a.name in chosen]


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
    if not path.is_file():
        raise NeuroFMError(
            "there is no checkpoint", where=path, fix="Give the folder of a training.", code=Exit.NO_INPUT
        )
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
    """Remove the samples of rounds that are over, and what killed workers left of them."""
    over = place // (schedule.round_size * schedule.passes) * schedule.round_size
    for path in kept.glob(f"{schedule.seed}-*"):
        if int(path.stem.split("-")[1]) < over:
            path.unlink(missing_ok=True)
