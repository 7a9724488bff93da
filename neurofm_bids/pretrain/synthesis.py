"""Synthesis: samples for training, straight on the lattice that the network reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neurofm_bids.pretrain.anatomy import Anatomy
from neurofm_bids.pretrain.appearance import acquire, paint, sharpen
from neurofm_bids.pretrain.cohort import Person, draw_person
from neurofm_bids.pretrain.dice import Dice
from neurofm_bids.pretrain.shape import CUBE_MM, Shape, make_shape, occupancy
from neurofm_bids.pretrain.stripping import strip

__all__ = ["GENERATOR", "Picture", "Sample", "choose_anatomy", "picture", "synthesize"]

GENERATOR = "1"  # raise it when the same seed gives other samples


@dataclass(frozen=True)
class Picture:
    """A synthetic stripped head, before it is standardised.

    Parameters
    ----------
    image, weight
        The image and how much of each voxel the stripping left, (d, h, w).
    shape
        What it shows, with its box.
    """

    image: Tensor
    weight: Tensor
    shape: Shape
    person: Person
    style: str
    anatomy: str


@dataclass(frozen=True)
class Sample:
    """One synthetic brain on the lattice.

    Parameters
    ----------
    box
        z-scores with the statistics of the whole cube, float32, (d, h, w).
    start
        First voxel of the box in the lattice of 128^3.
    background
        z-score outside of the box.
    fractions
        Of each voxel: brain tissue, lateral ventricles, other parts of the cranial cavity (CSF), whatever the
        stripping left of them; (3, D, H, W).
    fractions_start
        First voxel of the fractions in the lattice.
    person, brain_ml, lateral_ml
        Who was wanted, and the volumes measured on the deformed map.
    """

    box: Tensor
    start: tuple[int, int, int]
    background: float
    fractions: Tensor
    fractions_start: tuple[int, int, int]
    person: Person
    brain_ml: float
    lateral_ml: float
    style: str
    anatomy: str


def choose_anatomy(anatomies: Sequence[Anatomy], person: Person, dice: Dice) -> Anatomy:
    """Draw a map, those nearer to the person's proportions more often."""
    weights = []
    for anatomy in anatomies:
        fraction = anatomy.brain_ml / anatomy.cranium_ml - person.brain_ml / person.cranium_ml
        ventricles = np.log(anatomy.lateral_ml / anatomy.cranium_ml * person.cranium_ml / person.lateral_ml)
        weights.append(0.02 + float(np.exp(-0.5 * ((fraction / 0.06) ** 2 + (ventricles / 0.8) ** 2))))
    return anatomies[dice.choice(weights)]


def synthesize(
    anatomies: Sequence[Anatomy],
    seed: int,
    index: int,
    *,
    device: torch.device | str = "cpu",
    style: str | None = None,
) -> Sample:
    """Make the sample of an index; the same on every machine of one kind.

    Parameters
    ----------
    anatomies
        Prepared label maps.
    seed, index
        Of the run and of the sample.
    device
        Where to compute.
    style
        One of :data:`~neurofm_bids.pretrain.stripping.STYLES` instead of a drawn one.
    """
    return _sample(picture(anatomies, seed, index, step_mm=2, device=device, style=style))


def picture(
    anatomies: Sequence[Anatomy],
    seed: int,
    index: int,
    *,
    step_mm: int,
    device: torch.device | str = "cpu",
    style: str | None = None,
) -> Picture:
    """Make the picture of an index at 2 mm (the lattice) or 1 mm; parameters as for :func:`synthesize`."""
    dice = Dice((seed, index), device)
    person = draw_person(dice)
    anatomy = choose_anatomy(anatomies, person, dice)
    shape = make_shape(anatomy, person, dice, step_mm)
    weight, style = strip(shape, dice, style)
    image = sharpen(acquire(paint(shape, anatomy, person, dice), dice, step_mm) * weight, dice)
    return Picture(image, weight, shape, person, style, anatomy.name)


def _sample(drawn: Picture) -> Sample:
    """Cut to what is not background, standardise, and gather what the losses need."""
    shape, weight = drawn.shape, drawn.weight
    spans = _spans(weight)
    box = drawn.image[spans]
    voxels = float((CUBE_MM // shape.step_mm) ** 3)
    mean = float(box.double().sum()) / voxels
    sd = float(np.sqrt(float((box.double() ** 2).sum()) / voxels - mean**2))
    other = (occupancy(shape.cranium, shape.step_mm) - shape.brain - shape.ventricles).clamp(min=0)
    first, second, third = (s + span.start for s, span in zip(shape.start, spans, strict=True))
    return Sample(
        box=(box - mean) / sd,
        start=(first, second, third),
        background=-mean / sd,
        fractions=torch.stack([shape.brain, shape.ventricles, other]),
        fractions_start=shape.start,
        person=drawn.person,
        brain_ml=shape.volume_ml(shape.brain),
        lateral_ml=shape.volume_ml(shape.ventricles),
        style=drawn.style,
        anatomy=drawn.anatomy,
    )


def _spans(weight: Tensor) -> tuple[slice, ...]:
    """Return the box of what is not background."""
    spans = []
    for axis in range(3):
        inside = torch.nonzero((weight > 0).movedim(axis, 0).flatten(1).any(dim=1)).flatten()
        spans.append(slice(int(inside[0]), int(inside[-1]) + 1))
    return tuple(spans)
