"""Examples from which features are learnt: a box of the lattice, and volumes in its cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool3d, pad

from neurofm_bids.model.augmentation import LATTICE_SIZE
from neurofm_bids.pretrain.synthesis.generator import Sample

__all__ = ["CELLS", "FeatureExample", "cell_means", "feature_arrays", "feature_example", "whole_lattice"]

CELLS = (32, 16, 8)  # edges of the grids on which fractions are learnt


@dataclass(frozen=True)
class FeatureExample:
    """Input and targets of one sample.

    Parameters
    ----------
    box, start, background
        As in :class:`~neurofm_bids.pretrain.synthesis.generator.Sample`; the background is a scalar tensor.
    cells
        Mean fractions (brain tissue, lateral ventricles, CSF) of the cells around the voxels of maps of 32^3,
        16^3 and 8^3: (3, n, n, n) each.
    age_years, sex
        Scalars, NaN if they are not targets; sex is 1 for male.
    brain_ml, lateral_ml
        Scalars, measured on the deformed label map.
    """

    box: Tensor
    start: tuple[int, ...]
    background: Tensor
    cells: tuple[Tensor, ...]
    age_years: Tensor
    sex: Tensor
    brain_ml: Tensor
    lateral_ml: Tensor

    def to(self, device: torch.device) -> FeatureExample:
        """Return the example on a device."""
        tensors = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("start", "cells")}
        tensors = {name: value.to(device, non_blocking=True) for name, value in tensors.items()}
        return FeatureExample(start=self.start, cells=tuple(c.to(device) for c in self.cells), **tensors)


def whole_lattice(example: FeatureExample) -> Tensor:
    """Return the input of an example on the whole lattice, (128, 128, 128)."""
    padding = _padding(example.start, example.box.shape, LATTICE_SIZE)
    return pad(example.box, padding, value=float(example.background))


def cell_means(fractions: Tensor, start: Sequence[int], cells: int) -> Tensor:
    """Return the means of a box of the lattice over the cells around a map's voxels, (3, n, n, n).

    Voxel ``k`` of a map of ``n`` is centred on lattice voxel ``k * 128 / n``.
    """
    spacing = LATTICE_SIZE // cells
    padding = _padding([s + spacing // 2 for s in start], fractions.shape[1:], LATTICE_SIZE + spacing)
    return avg_pool3d(pad(fractions, padding), spacing)[:, :cells, :cells, :cells].contiguous()


def _padding(start: Sequence[int], size: Sequence[int], edge: int) -> list[int]:
    """Return the padding that puts a box into a cube, last axis first."""
    axes = reversed(list(zip(start, size, strict=True)))
    return [side for s, n in axes for side in (s, edge - s - n)]


def feature_arrays(sample: Sample) -> dict[str, np.ndarray]:
    """Return the arrays of a sample."""
    person, shape = sample.image.person, sample.image.shape
    known = person.age_years is not None
    numbers = [
        sample.background,
        person.age_years if known else np.nan,
        float(person.sex == "M") if known else np.nan,
        shape.volume_ml(shape.brain),
        shape.volume_ml(shape.ventricles),
    ]
    fractions = torch.stack([shape.brain, shape.ventricles, shape.csf])
    cells = {f"cells{n}": cell_means(fractions, shape.start, n) for n in CELLS}
    return {
        "box": sample.box.half().cpu().numpy(),
        "start": np.array(sample.start),
        "numbers": np.array(numbers),
        **{name: values.half().cpu().numpy() for name, values in cells.items()},
    }


def feature_example(arrays: dict[str, np.ndarray]) -> FeatureExample:
    """Return the example of arrays."""
    background, age, sex, brain, lateral = torch.from_numpy(arrays["numbers"]).float()
    cells = tuple(torch.from_numpy(arrays[f"cells{n}"]).float() for n in CELLS)
    box = torch.from_numpy(arrays["box"]).float()
    start = tuple(int(v) for v in arrays["start"])
    return FeatureExample(box, start, background, cells, age, sex, brain, lateral)
