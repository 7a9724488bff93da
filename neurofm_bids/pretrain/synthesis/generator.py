"""The generator: synthetic brains, directly on the lattice that the network reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neurofm_bids.pretrain.anatomy.fields import Anatomy
from neurofm_bids.pretrain.synthesis.acquisition import Acquisition, acquire, sharpen
from neurofm_bids.pretrain.synthesis.appearance import ideal_image
from neurofm_bids.pretrain.synthesis.placement import CUBE_MM
from neurofm_bids.pretrain.synthesis.population import Person, draw_person
from neurofm_bids.pretrain.synthesis.random_fields import RandomFields
from neurofm_bids.pretrain.synthesis.shape import Shape, make_shape
from neurofm_bids.pretrain.synthesis.skull_stripping import draw_mask

__all__ = [
    "GENERATOR_VERSION",
    "Sample",
    "SyntheticImage",
    "choose_anatomy",
    "generate_image",
    "generate_sample",
]

GENERATOR_VERSION = "6"  # raise it when the same seed gives other samples


@dataclass(frozen=True)
class SyntheticImage:
    """A synthetic skull-stripped head, before standardisation.

    Parameters
    ----------
    image, mask
        The image, zero outside the mask, and the soft brain mask, (d, h, w).
    shape
        Its true anatomy, with the position of the box.
    person, acquisition, style
        The person, the effects of the scanner, and the style of skull-stripping.
    """

    image: Tensor
    mask: Tensor
    shape: Shape
    person: Person
    acquisition: Acquisition
    style: str


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
        z-score outside the box.
    image
        The image from which the sample is made, with its true anatomy.
    """

    box: Tensor
    start: tuple[int, int, int]
    background: float
    image: SyntheticImage


def choose_anatomy(anatomies: Sequence[Anatomy], person: Person, rng: RandomFields) -> Anatomy:
    """Draw an anatomy; those closer to the person's proportions are more likely."""
    weights = []
    for anatomy in anatomies:
        fraction = anatomy.brain_ml / anatomy.cranium_ml - person.brain_ml / person.cranium_ml
        ventricles = np.log(anatomy.lateral_ml / anatomy.cranium_ml * person.cranium_ml / person.lateral_ml)
        weights.append(0.02 + float(np.exp(-0.5 * ((fraction / 0.1) ** 2 + (ventricles / 0.8) ** 2))))
    return anatomies[rng.choice(weights)]


def generate_sample(
    anatomies: Sequence[Anatomy], seed: int, index: int, *, device: torch.device | str = "cpu"
) -> Sample:
    """Generate the sample of an index; equal arguments give equal samples on machines of one kind.

    Parameters
    ----------
    anatomies
        Of the label maps to choose from.
    seed, index
        Seed of the run, and index of the sample.
    device
        Where to compute.
    """
    return _standardise(generate_image(anatomies, seed, index, step_mm=2, device=device))


def generate_image(
    anatomies: Sequence[Anatomy],
    seed: int,
    index: int,
    *,
    step_mm: int,
    device: torch.device | str = "cpu",
    style: str | None = None,
    effect: Mapping[str, float] | None = None,
) -> SyntheticImage:
    """Generate the image of an index; other parameters as for :func:`generate_sample`.

    Parameters
    ----------
    step_mm
        Voxel size: 2 (the lattice) or 1.
    style
        One of :data:`~neurofm_bids.pretrain.synthesis.skull_stripping.STYLES` instead of a random one.
    effect
        Changes of regions, see :func:`~neurofm_bids.pretrain.synthesis.population.draw_person`.
    """
    rng = RandomFields((seed, index), device)
    person = draw_person(rng, effect=effect)
    anatomy = choose_anatomy(anatomies, person, rng)
    shape = make_shape(anatomy, person, rng, step_mm)
    image, acquisition = acquire(ideal_image(shape, person, rng), rng, step_mm)
    mask, style = draw_mask(shape, image, rng, style)
    image = sharpen(image * mask, rng)
    return SyntheticImage(image, mask, shape, person, acquisition, style)


def _standardise(synthetic: SyntheticImage) -> Sample:
    """Crop to the mask and z-score."""
    shape = synthetic.shape
    inside = torch.nonzero(synthetic.mask)
    ends = zip(inside.amin(dim=0), inside.amax(dim=0), strict=True)
    spans = tuple(slice(int(first), int(last) + 1) for first, last in ends)
    box = synthetic.image[spans]
    voxels = float((CUBE_MM // shape.step_mm) ** 3)
    mean = float(box.double().sum()) / voxels
    sd = float(np.sqrt(float((box.double() ** 2).sum()) / voxels - mean**2))
    first, second, third = (s + span.start for s, span in zip(shape.start, spans, strict=True))
    return Sample((box - mean) / sd, (first, second, third), -mean / sd, synthetic)
