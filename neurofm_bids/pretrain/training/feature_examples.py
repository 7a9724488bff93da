"""Examples from which features are learnt: a box of the lattice, and volumes in its cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool3d, pad

from neurofm_bids.anatomy.regions import REGIONS, STRUCTURES
from neurofm_bids.model.augmentation import LATTICE_SIZE
from neurofm_bids.pretrain.synthesis.acquisition import Acquisition
from neurofm_bids.pretrain.synthesis.generator import Sample
from neurofm_bids.pretrain.synthesis.shape import Shape
from neurofm_bids.pretrain.synthesis.truth import region_sums

__all__ = [
    "ACQUISITION",
    "CELLS",
    "FeatureExample",
    "cell_means",
    "feature_arrays",
    "feature_example",
    "whole_lattice",
]

CELLS = (32, 16, 8)  # edges of the grids on which fractions are learnt
# What is learnt of the acquisition, with a usual value that scales it.
ACQUISITION = {
    "bias_sd": 0.08,
    "blur_mm": 0.4,
    "motion_mm": 2.0,
    "ghost": 0.06,
    "ringing": 0.25,
    "noise_sd": 0.03,
}


@dataclass(frozen=True)
class FeatureExample:
    """Input and targets of one sample.

    Parameters
    ----------
    box, start, background
        As in :class:`~neurofm_bids.pretrain.synthesis.generator.Sample`; the background is a scalar tensor.
    cells
        Mean fractions of brain tissue, lateral ventricles and CSF in the cells around the voxels of the map
        of 8^3, (3, 8, 8, 8).
    structures
        Mean fractions of background, CSF and the structures in the cells of the maps of 32^3 and 16^3,
        (25, n, n, n) each.
    regions
        Mean fractions of the regions in the cells of the map of 8^3, (42, 8, 8, 8).
    acquisition
        The effects of :data:`ACQUISITION`, in units of their usual values, (6,).
    age_years, sex
        Scalars, NaN if they are not targets; sex is 1 for male.
    brain_ml, lateral_ml
        Scalars, measured on the deformed label map.
    """

    box: Tensor
    start: tuple[int, ...]
    background: Tensor
    cells: Tensor
    structures: tuple[Tensor, ...]
    regions: Tensor
    acquisition: Tensor
    age_years: Tensor
    sex: Tensor
    brain_ml: Tensor
    lateral_ml: Tensor

    def to(self, device: torch.device) -> FeatureExample:
        """Return the example on a device."""
        values = {
            f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("start", "structures")
        }
        tensors = {name: value.to(device, non_blocking=True) for name, value in values.items()}
        structures = tuple(maps.to(device, non_blocking=True) for maps in self.structures)
        return FeatureExample(start=self.start, structures=structures, **tensors)


def whole_lattice(example: FeatureExample) -> Tensor:
    """Return the input of an example on the whole lattice, (128, 128, 128)."""
    padding = _padding(example.start, example.box.shape, LATTICE_SIZE)
    return pad(example.box, padding, value=float(example.background))


def cell_means(fractions: Tensor, start: Sequence[int], cells: int) -> Tensor:
    """Return the means of a box of the lattice over the cells around a map's voxels, (c, n, n, n).

    Voxel ``k`` of a map of ``n`` is centred on lattice voxel ``k * 128 / n``.
    """
    spacing = LATTICE_SIZE // cells
    spans, padding = [], []
    for first_voxel, count in zip(start, fractions.shape[1:], strict=True):
        low = first_voxel + spacing // 2  # the first cell begins half a cell before the lattice
        first, end = low // spacing, min(-(-(low + count) // spacing), cells)
        spans.append(slice(first, end))
        padding.append((low - first * spacing, end * spacing - low - count))
    means = fractions.new_zeros((len(fractions), cells, cells, cells))
    if all(span.start < span.stop for span in spans):
        sides = [side for axis in reversed(padding) for side in axis]
        means[(slice(None), *spans)] = avg_pool3d(pad(fractions, sides), spacing)
    return means


def region_cells(shape: Shape) -> list[Tensor]:
    """Return the means of the fractions of the regions over the same cells, (42, n, n, n) for each map."""
    sums = region_sums(shape, [(_cell_of_voxels(shape, n), n**3) for n in CELLS])
    return [s.float().view(-1, n, n, n) / (LATTICE_SIZE // n) ** 3 for s, n in zip(sums, CELLS, strict=True)]


def _cell_of_voxels(shape: Shape, cells: int) -> Tensor:
    """Return the number of the cell in which each voxel of the box lies, ``cells**3`` for none, (d, h, w)."""
    spacing = LATTICE_SIZE // cells
    axes = [
        ((torch.arange(s, s + n) + spacing // 2) // spacing).to(shape.brain.device)
        for s, n in zip(shape.start, shape.size, strict=True)
    ]
    strides = (cells**2, cells, 1)
    parts = [torch.where(a < cells, a * f, cells**3) for a, f in zip(axes, strides, strict=True)]
    number = parts[0][:, None, None] + parts[1][:, None] + parts[2]
    return number.clamp_(max=cells**3)


def _of_structures(csf: Tensor, regions: Tensor) -> Tensor:
    """Return the fractions of background, CSF and structures, (25, n, n, n)."""
    totals = regions.new_zeros((len(STRUCTURES), *regions.shape[1:]))
    totals.index_add_(0, torch.tensor([r.structure for r in REGIONS], device=regions.device), regions)
    inside = torch.cat([csf, totals])
    outside = (1 - inside.sum(dim=0, keepdim=True)).clamp(min=0)
    fractions = torch.cat([outside, inside])
    return fractions / fractions.sum(dim=0)


def _acquisition_values(acquisition: Acquisition) -> list[float]:
    return [float(np.mean(getattr(acquisition, name))) / usual for name, usual in ACQUISITION.items()]


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
    regions = dict(zip(CELLS, region_cells(shape), strict=True))
    means = {n: cell_means(fractions, shape.start, n) for n in CELLS}
    parts = {
        "cells": means[CELLS[-1]],
        "regions": regions[CELLS[-1]],
        **{f"structures{n}": _of_structures(means[n][2:], regions[n]) for n in CELLS[:-1]},
    }
    return {
        "box": sample.box.half().cpu().numpy(),
        "start": np.array(sample.start),
        "numbers": np.array(numbers),
        "acquisition": np.array(_acquisition_values(sample.image.acquisition)),
        **{name: values.half().cpu().numpy() for name, values in parts.items()},
    }


def feature_example(arrays: dict[str, np.ndarray]) -> FeatureExample:
    """Return the example of arrays."""
    tensors = {name: torch.from_numpy(values).float() for name, values in arrays.items() if name != "start"}
    background, age, sex, brain, lateral = tensors["numbers"]
    return FeatureExample(
        tensors["box"],
        tuple(int(v) for v in arrays["start"]),
        background,
        tensors["cells"],
        tuple(tensors[f"structures{n}"] for n in CELLS[:-1]),
        tensors["regions"],
        tensors["acquisition"],
        age,
        sex,
        brain,
        lateral,
    )
