"""The synthetic population: people of 18 to 95 years with regional volumes typical of age, sex and head size.

Sources
-------
Volumes of the 42 regions: :mod:`~neurofm_bids.norms.published`.
Head size: :mod:`~neurofm_bids.norms.head_size`.
Cranial cavity: FreeSurfer's eTIV is a noisy estimate of it, so at a given eTIV brains differ by 4.6 %, while
their fraction of the cavity differs by 2.4 % in young and 3.6 % in old people of one age (Marcus et al. 2007,
J Cogn Neurosci 19:1498). The rest is taken to be an error of eTIV, and the cavity follows from the brain.
White-matter lesions, rare before 50 years and common after 70: de Leeuw et al. 2001 (J Neurol Neurosurg
Psychiatry 70:9).
Contrast of grey and white matter, which declines with age: Salat et al. 2009 (NeuroImage 48:21). The amount
is our own choice.

Young ages are drawn more often than old ones. Volumes carry little information on age before 45 years, so
estimates regress to the mean of the training ages; with uniformly drawn ages, they would be far too old for
most cohorts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.anatomy.regions import REGIONS, STRUCTURES
from neurofm_bids.norms.head_size import CRANIUM_PER_ETIV, ETIV_SD_ML
from neurofm_bids.norms.published import ETIV_ML, read_norms
from neurofm_bids.pretrain.synthesis.random_fields import RandomFields

__all__ = [
    "AGE_POWER",
    "TISSUE",
    "Person",
    "draw_person",
    "expected_contrast",
    "expected_lesion_load",
    "expected_tissue_fraction",
]

Values = NDArray[np.float64]

_AGES = (18.0, 95.0)
AGE_POWER = 1.6  # 1 would draw ages uniformly
_UNCONSTRAINED_SHARE = 0.3
# Fraction of the cavity that is tissue: sd of its logarithm over age, and the weights of the residuals of
# brain volume and log ventricles and of a free part in its deviations (benchmarks/make_norms.py).
_FRACTION_AGES, _FRACTION_SD = (20, 75), (0.024, 0.036)
_BRAIN_LOG_SD, _LATERAL_LOG_SD = 0.048, 0.355
_OF_BRAIN, _OF_VENTRICLES, _FREE = 0.35, -0.46, 0.73
_LARGEST_RESIDUAL = 2.5
_SMALLEST_SHARE = 0.2  # of the expected volume
_WIDE = 2.0  # sd of the unconstrained people, in sd of the norms
_THIRD_PER_LATERAL = 0.6  # exponent with which it grows in the norms from 20 to 90 years

TISSUE = np.array([STRUCTURES[region.structure].kind != "ventricle" for region in REGIONS])
_LATERAL = np.array([STRUCTURES[region.structure].name.endswith("lateral_ventricle") for region in REGIONS])
_THIRD = np.array([region.name == "third_ventricle" for region in REGIONS])
_STRUCTURE = np.array([region.structure for region in REGIONS])


@dataclass(frozen=True)
class Person:
    """A synthetic person.

    Parameters
    ----------
    age_years, sex
        18 to 95, ``M`` or ``F``; None if the volumes were drawn without regard to age and sex.
    cranium_ml
        Target volume of the cranial cavity.
    region_mm3
        Target volumes, in the order of :data:`~neurofm_bids.anatomy.regions.REGIONS`.
    lesion_load
        Extent of white-matter lesions, 0 to 1.
    contrast
        Contrast of grey and white matter relative to a young adult.
    """

    age_years: float | None
    sex: str | None
    cranium_ml: float
    region_mm3: tuple[float, ...]
    lesion_load: float
    contrast: float

    @property
    def brain_ml(self) -> float:
        """Volume of brain tissue: all regions but ventricles (BrainSegVolNotVent and the brainstem)."""
        return float(np.array(self.region_mm3)[TISSUE].sum()) / 1000

    @property
    def lateral_ml(self) -> float:
        """Volume of both lateral ventricles with inferior horns and choroid plexus."""
        return float(np.array(self.region_mm3)[_LATERAL].sum()) / 1000

    @property
    def ventricle_excess(self) -> float:
        """Logarithm of the lateral ventricles over 20 ml."""
        return float(np.log(self.lateral_ml / 20))


def draw_person(
    rng: RandomFields, age_power: float = AGE_POWER, effect: Mapping[str, float] | None = None
) -> Person:
    """Draw a person of the population, or, with probability 0.3, volumes regardless of age and sex.

    Parameters
    ----------
    rng
        Random numbers of the person.
    age_power
        Power of a uniform number that sets the age; above 1, young ages are more frequent.
    effect
        Changes of regions or structures (both sides) in sd of the norms, for instance
        ``{"hippocampus": -0.5}``. Everything else is as without them.

    Raises
    ------
    ValueError
        The effect names neither a region nor a structure.
    """
    if rng.chance(_UNCONSTRAINED_SHARE):
        cranium, volumes = _draw_wide(rng)
        load, contrast = rng.uniform(0, 0.9), rng.uniform(0.7, 1.05)
        return Person(None, None, cranium, _with_effect(volumes, effect), load, contrast)
    young, old = _AGES
    age, sex = young + (old - young) * rng.uniform(0, 1) ** age_power, "M" if rng.chance(0.5) else "F"
    volumes, cranium = _draw_typical(rng, age, sex)
    load = expected_lesion_load(age) * float(np.exp(rng.normal(0, 0.5)))
    contrast = expected_contrast(age) * (1 + rng.normal(0, 0.05))
    return Person(age, sex, cranium, _with_effect(volumes, effect), min(load, 1.0), contrast)


def _draw_typical(rng: RandomFields, age_years: float, sex: str) -> tuple[Values, float]:
    """Return volumes in mm3 and the cranial cavity in ml of a person of an age and sex."""
    norms = read_norms()
    etiv = rng.normal(ETIV_ML[sex], ETIV_SD_ML[sex])
    residuals = norms.root @ [rng.normal() for _ in REGIONS]
    residuals = residuals.clip(-_LARGEST_RESIDUAL, _LARGEST_RESIDUAL)
    expected = norms.volumes_mm3(age_years, sex, etiv)
    volumes = norms.volumes_mm3(age_years, sex, etiv, residuals)
    volumes = np.maximum(volumes, _SMALLEST_SHARE * expected)
    brain, lateral = (volumes[group].sum() / expected[group].sum() for group in (TISSUE, _LATERAL))
    deviation = _OF_BRAIN * np.log(brain) / _BRAIN_LOG_SD + _OF_VENTRICLES * np.log(lateral) / _LATERAL_LOG_SD
    deviation += _FREE * rng.normal()
    fraction = expected_tissue_fraction(age_years, sex)
    fraction *= np.exp(np.interp(age_years, _FRACTION_AGES, _FRACTION_SD) * deviation)
    return volumes, float(volumes[TISSUE].sum() / 1000 / fraction)


def expected_tissue_fraction(age_years: float, sex: str) -> float:
    """Return the median fraction of the cranial cavity that brain tissue fills at an age."""
    volumes = read_norms().volumes_mm3(age_years, sex, ETIV_ML[sex])
    return float(volumes[TISSUE].sum()) / 1000 / (ETIV_ML[sex] * CRANIUM_PER_ETIV)


def _draw_wide(rng: RandomFields) -> tuple[float, Values]:
    """Return the cranial cavity in ml and volumes in mm3 that know neither age nor sex nor each other.

    Structures are scattered independently by twice the sd of the norms, and so is the asymmetry of their
    sides; then tissue and lateral ventricles get the drawn totals.
    """
    norms = read_norms()
    cranium = rng.uniform(1100, 1900)
    lateral = float(np.exp(rng.uniform(np.log(5), np.log(150))))
    tissue = (rng.uniform(0.64, 0.85) - lateral / cranium / 2) * cranium
    volumes = norms.volumes_mm3(
        rng.uniform(*_AGES), "M" if rng.chance(0.5) else "F", cranium / CRANIUM_PER_ETIV
    )
    volumes = volumes * (lateral / (volumes[_LATERAL].sum() / 1000)) ** (_THIRD_PER_LATERAL * _THIRD)
    common = np.array([rng.normal() for _ in STRUCTURES])[_STRUCTURE]
    own = np.array([rng.normal() for _ in REGIONS])
    scatter = np.sqrt(norms.symmetry) * common + np.sqrt(1 - norms.symmetry) * own
    volumes = volumes * np.exp(_WIDE * norms.log_sd(volumes) * scatter)
    for group, total in ((TISSUE, tissue), (_LATERAL, lateral)):
        volumes[group] *= total * 1000 / volumes[group].sum()
    return cranium, volumes


def _with_effect(volumes: Values, effect: Mapping[str, float] | None) -> tuple[float, ...]:
    """Return volumes in which some regions are larger or smaller by a number of sd of the norms."""
    sds = np.zeros(len(REGIONS))
    for name, size in (effect or {}).items():
        concerned = [name in (region.name, STRUCTURES[region.structure].name) for region in REGIONS]
        if not any(concerned):
            raise ValueError(f"no region or structure has the name {name!r}")
        sds[concerned] += size
    changed = volumes * np.exp(sds * read_norms().log_sd(volumes)) if sds.any() else volumes
    return tuple(float(volume) for volume in changed)


def expected_lesion_load(age_years: float) -> float:
    """Return the median extent of white-matter lesions at an age, 0 to 1."""
    return 0.02 + 0.6 / (1 + float(np.exp((70 - age_years) / 8)))


def expected_contrast(age_years: float) -> float:
    """Return the median contrast of grey and white matter at an age, relative to a young adult."""
    return float(np.interp(age_years, (30, 60, 95), (1.0, 0.93, 0.80)))
