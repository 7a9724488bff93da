"""Samples in the order of training, made by worker processes and kept while they are used again."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool3d, pad
from torch.utils.data import DataLoader, Dataset

from neurofm_bids.model.augmentation import LATTICE_SIZE
from neurofm_bids.pretrain.anatomy import Anatomy
from neurofm_bids.pretrain.synthesis import Sample, synthesize

__all__ = ["CELLS", "Item", "SampleStore", "Schedule", "cell_means", "load_items"]

CELLS = (32, 16, 8)  # edges of the grids on which fractions are learnt


@dataclass(frozen=True)
class Schedule:
    """Which sample each place in the order of training shows.

    Samples come in rounds of ``round_size``; each round is shown ``passes`` times, in a new order each time.
    """

    seed: int
    passes: int = 1
    round_size: int = 1000

    def sample(self, place: int) -> int:
        """Return the index of the sample at a place."""
        turn, within = divmod(place, self.round_size)
        number, shown = divmod(turn, self.passes)
        order = np.random.default_rng([self.seed, number, shown]).permutation(self.round_size)
        return number * self.round_size + int(order[within])


@dataclass(frozen=True)
class Item:
    """What a step of training needs of one sample.

    Parameters
    ----------
    box, start, background
        As in :class:`~neurofm_bids.pretrain.synthesis.Sample`, without the rest.
    cells
        Mean fractions (brain tissue, lateral ventricles, other parts of the cranial cavity) of the cells
        around the voxels of maps of 32^3, 16^3 and 8^3: (3, n, n, n) each.
    age_years, sex
        Scalars; NaN where they are not to be learnt; sex 1 is male.
    brain_ml, lateral_ml
        Scalars, measured on the deformed map.
    """

    box: Tensor
    start: tuple[int, ...]
    background: Tensor
    cells: tuple[Tensor, ...]
    age_years: Tensor
    sex: Tensor
    brain_ml: Tensor
    lateral_ml: Tensor

    def to(self, device: torch.device) -> Item:
        """Return the item on a device."""
        moved = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("start", "cells")}
        moved = {name: value.to(device, non_blocking=True) for name, value in moved.items()}
        return Item(start=self.start, cells=tuple(c.to(device) for c in self.cells), **moved)


def cell_means(fractions: Tensor, start: Sequence[int], cells: int) -> Tensor:
    """Return the means of a box of the lattice over the cells around a map's voxels, (3, n, n, n).

    Voxel ``k`` of a map of ``n`` is centred on lattice voxel ``k * 128 / n``.
    """
    spacing = LATTICE_SIZE // cells
    sides: list[int] = []
    for axis in (2, 1, 0):
        before = start[axis] + spacing // 2
        sides += [before, LATTICE_SIZE + spacing - before - fractions.shape[axis + 1]]
    return avg_pool3d(pad(fractions, sides), spacing)[:, :cells, :cells, :cells].contiguous()


def _arrays(sample: Sample) -> dict[str, np.ndarray]:
    person = sample.person
    cells = [cell_means(sample.fractions, sample.fractions_start, n) for n in CELLS]
    known = person.age_years is not None
    numbers = [
        sample.background,
        person.age_years if known else np.nan,
        float(person.sex == "M") if known else np.nan,
        sample.brain_ml,
        sample.lateral_ml,
    ]
    return {
        "box": sample.box.half().cpu().numpy(),
        "start": np.array(sample.start),
        "numbers": np.array(numbers),
        **{f"cells{n}": c.half().cpu().numpy() for n, c in zip(CELLS, cells, strict=True)},
    }


def _item(arrays: dict[str, np.ndarray]) -> Item:
    background, age, sex, brain, lateral = torch.from_numpy(arrays["numbers"]).float()
    cells = tuple(torch.from_numpy(arrays[f"cells{n}"]).float() for n in CELLS)
    box = torch.from_numpy(arrays["box"]).float()
    start = tuple(int(v) for v in arrays["start"])
    return Item(box, start, background, cells, age, sex, brain, lateral)


class SampleStore(Dataset[Item]):
    """Items by place; a sample that is shown again is kept in a folder until then.

    Parameters
    ----------
    anatomies
        Prepared label maps.
    schedule
        What is shown where.
    places
        First and end place.
    folder
        For samples that are shown more than once; None makes each anew.
    device
        Where they are made.
    """

    def __init__(
        self,
        anatomies: Sequence[Anatomy],
        schedule: Schedule,
        places: range,
        folder: Path | None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.anatomies, self.schedule, self.places = anatomies, schedule, places
        self.folder, self.device = folder, device

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, number: int) -> Item:
        index = self.schedule.sample(self.places[number])
        if self.folder is None or self.schedule.passes == 1:
            return _item(self._made(index))
        path = self.folder / f"{self.schedule.seed}-{index}.npz"
        if path.is_file():
            with np.load(path) as file:
                return _item(dict(file))
        arrays = self._made(index)
        partial = path.with_suffix(f".{os.getpid()}")
        with partial.open("wb") as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]
        partial.replace(path)
        return _item(arrays)

    def _made(self, index: int) -> dict[str, np.ndarray]:
        """Make a sample on one thread, so that sums come out the same in whatever process."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return _arrays(synthesize(self.anatomies, self.schedule.seed, index, device=self.device))
        finally:
            torch.set_num_threads(threads)


def load_items(store: SampleStore, workers: int) -> Iterator[Item]:
    """Yield the items of a store in order, made by worker processes ahead of their use."""
    context = "forkserver" if workers else None
    loader = DataLoader(
        store,
        batch_size=None,
        num_workers=workers,
        multiprocessing_context=context,
        prefetch_factor=8 if workers else None,
        worker_init_fn=_quieten,
    )
    yield from loader


def _quieten(_: int) -> None:
    torch.set_num_threads(1)
    os.nice(5)
