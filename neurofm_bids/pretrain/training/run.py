"""A training run: from label maps to weights in a folder, resumable to the step, in one process or many."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel

from neurofm_bids import __version__
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.option import make
from neurofm_bids.pretrain.anatomy.cache import load_anatomies
from neurofm_bids.pretrain.anatomy.fields import Anatomy
from neurofm_bids.pretrain.settings import Training
from neurofm_bids.pretrain.synthesis.generator import GENERATOR_VERSION
from neurofm_bids.pretrain.training.data import (
    ExampleDataset,
    SampleOrder,
    load_examples,
    remove_finished_samples,
)
from neurofm_bids.pretrain.training.distributed import ProcessGroup, join_process_group
from neurofm_bids.pretrain.training.objective import Learner, Row
from neurofm_bids.pretrain.training.objectives import objective_of
from neurofm_bids.pretrain.training.parts import with_part
from neurofm_bids.pretrain.training.recipe import Recipe
from neurofm_bids.pretrain.training.trainer import Trainer, read_checkpoint
from neurofm_bids.storage.atomic import file_sha256, write_text

__all__ = ["export", "train"]

_log = logging.getLogger("neurofm_bids")
_CHECKPOINT = "checkpoint.safetensors"


def train(recipe: Recipe, settings: Training) -> Path:
    """Train, or resume the training in a folder, and return its checkpoint.

    The folder gets the checkpoint, the log (``training.jsonl``) and samples of later passes.

    Raises
    ------
    NeuroFMError
        The label maps cannot be used or are not those of the training in the folder, or its recipe differs.
    """
    if settings.init is not None:
        recipe = replace(recipe, initial_sha256=file_sha256(settings.init))
    with join_process_group(settings.device) as group:
        return _Run(recipe, settings, group).run()


class _Run:
    """One training in its folder."""

    def __init__(self, recipe: Recipe, settings: Training, group: ProcessGroup) -> None:
        if recipe.batch_size % group.size:
            raise NeuroFMError(
                f"{group.size} processes cannot share a batch of {recipe.batch_size}",
                fix="Use a --batch that is a multiple of the number of processes.",
                code=Exit.USAGE,
            )
        self.recipe, self.settings, self.group = recipe, settings, group
        anatomies = _prepare(settings, group)
        self.training, self.held_out = _split(anatomies, recipe.held_out, settings.maps)
        self.order = SampleOrder(recipe.seed, recipe.passes, recipe.round_size)
        self.objective = objective_of(recipe)
        self.metadata: dict[str, Any] = {"recipe": asdict(recipe), "losses": self.objective.loss_weights}
        self.trainer = Trainer(recipe, self.objective, group)
        self.path, self.log = settings.out / _CHECKPOINT, settings.out / "training.jsonl"

    def run(self) -> Path:
        """Train to the last step and return the checkpoint."""
        start = time.monotonic()
        self._start()
        start -= self._seconds_before()
        held_out = self._held_out_examples() if self.group.is_main else []
        trainer, recipe, group, every = self.trainer, self.recipe, self.group, self.settings.every
        losses: list[float] = []
        for batch in _batches(self._examples(), recipe.batch_size // group.size):
            losses.append(trainer.step(batch))
            step = trainer.step_number
            if step % every and step != recipe.steps:
                continue
            loss = group.mean(float(np.mean(losses)))
            losses.clear()
            if group.is_main:
                row: Row = {"step": step, "loss": loss, "seconds": round(time.monotonic() - start, 1)}
                self._record(row, held_out if step % (5 * every) == 0 or step == recipe.steps else [])
            group.wait()
        _log.info("Finished step %d of %d.", trainer.step_number, recipe.steps)
        return self.path

    def _start(self) -> None:
        """Load the checkpoint; write the first one if there is none."""
        if not self.path.is_file():
            if self.settings.init is None:
                examples = self._generate(self.training, self.order, range(self.recipe.calibration_samples))
                self.trainer.start(list(examples))
            else:
                self.trainer.initialise(self.objective.load(self.settings.init))
            self.group.wait()
            if self.group.is_main:
                self.trainer.save(self.path, self.metadata)
            self.group.wait()
        parts = self.trainer.load(self.path, self.metadata).get("parts", [])
        maps = {a.name: a.digest for a in (*self.training, *self.held_out)}
        self.metadata["parts"] = with_part(
            parts, self.trainer.step_number, GENERATOR_VERSION, maps, where=self.path
        )
        if self.group.is_main:
            self._trim_log()

    def _seconds_before(self) -> float:
        """Return the seconds of earlier parts of the training, up to the checkpoint."""
        rows = self._logged()
        return float(json.loads(rows[-1])["seconds"]) if rows else 0.0

    def _logged(self) -> list[str]:
        return self.log.read_text(encoding="utf-8").splitlines() if self.log.is_file() else []

    def _trim_log(self) -> None:
        """Drop the rows of the log after the checkpoint, which a killed run left."""
        rows = self._logged()
        kept = [row for row in rows if json.loads(row)["step"] <= self.trainer.step_number]
        if kept != rows:
            write_text(self.log, "".join(f"{row}\n" for row in kept))

    def _record(self, row: Row, held_out: Sequence[Any]) -> None:
        if not math.isfinite(cast("float", row["loss"])):
            raise NeuroFMError(
                f"the loss is not finite at step {row['step']}",
                where=self.path,
                fix="The checkpoint is from an earlier step. Export its weights and give them to --init of a "
                "new training with --precision float32 or a lower --learning-rate.",
                code=Exit.SOFTWARE,
            )
        if held_out:
            row |= self.objective.evaluate(self.trainer.ema.module, held_out)
        with self.log.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
        _log.info("%s", " ".join(f"{k} {v:.4g}" for k, v in row.items() if v is not None))
        self.trainer.save(self.path, self.metadata)
        position = self.trainer.step_number * self.recipe.batch_size
        remove_finished_samples(self._sample_folder(self.training), self.order, position)

    def _examples(self) -> Iterator[Any]:
        """Yield this process's examples from the next step to the last."""
        recipe, group = self.recipe, self.group
        first = self.trainer.step_number * recipe.batch_size + group.rank
        positions = range(first, recipe.steps * recipe.batch_size, group.size)
        return self._generate(self.training, self.order, positions)

    def _held_out_examples(self) -> list[Any]:
        count = self.objective.held_out_samples
        order = SampleOrder(self.recipe.seed + 1, passes=2, round_size=count)
        return list(self._generate(self.held_out, order, range(count)))

    def _generate(self, anatomies: Sequence[Anatomy], order: SampleOrder, positions: range) -> Iterator[Any]:
        workers, folder = self.settings.workers, self._sample_folder(anatomies)
        device = self.group.device if workers == 0 else torch.device("cpu")
        return load_examples(
            ExampleDataset(self.objective, anatomies, order, positions, folder, device), workers
        )

    def _sample_folder(self, anatomies: Sequence[Anatomy]) -> Path:
        """Return the folder of samples from these label maps and this version of the generator."""
        inputs = json.dumps([GENERATOR_VERSION, *(a.digest for a in anatomies)])
        folder = self.settings.out / "samples" / hashlib.sha256(inputs.encode()).hexdigest()[:12]
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _split(
    anatomies: Sequence[Anatomy], held_out: Sequence[str] | None, maps: Sequence[Path]
) -> tuple[list[Anatomy], list[Anatomy]]:
    """Return the anatomies for training and those held out: the named ones, or the last fifth."""
    names = [a.name for a in anatomies]
    chosen = set(names[-max(1, len(names) // 5) :] if held_out is None else held_out)
    unknown = sorted(chosen - set(names))
    if unknown:
        raise NeuroFMError(
            f"no label map named {', '.join(unknown)}",
            where=", ".join(map(str, maps)),
            fix=f"Choose from {', '.join(names)} for --held-out.",
            code=Exit.USAGE,
        )
    training = [a for a in anatomies if a.name not in chosen]
    if not training or not chosen:
        raise NeuroFMError(
            "label maps are needed both for training and to hold out",
            where=", ".join(map(str, maps)),
            fix="Add label maps, or change --held-out.",
            code=Exit.USAGE,
        )
    return training, [a for a in anatomies if a.name in chosen]


def export(checkpoint: Path, target: Path) -> None:
    """Write the averaged weights of a checkpoint as safetensors, with their recipe.

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
            "no checkpoint found", where=path, fix="Use the folder of a training.", code=Exit.NO_INPUT
        )
    groups, metadata = read_checkpoint(path)
    objective = objective_of(make(Recipe, metadata["recipe"]))
    ema = AveragedModel(cast("Learner", objective.learner()).network)
    ema.load_state_dict(groups["ema"])
    objective.save(ema.module, target, {**metadata, "trained_by": f"NeuroFM-BIDS {__version__}"})


def _prepare(settings: Training, group: ProcessGroup) -> list[Anatomy]:
    """Return the anatomies; the main process prepares those not in the cache."""
    if not group.is_main:
        group.wait()
    anatomies = load_anatomies(settings.maps, settings.cache_folder)
    if group.is_main:
        group.wait()
    return anatomies


def _batches(examples: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while len(batch := list(islice(examples, size))) == size:
        yield batch
