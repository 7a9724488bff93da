"""The synthetic population: people of 18 to 95 years with volumes typical of their age and sex.

Sources
-------
Fraction of the cranial cavity filled by brain tissue: its level (.815 at 20 years) is that of the young label
maps, so that the targets follow the convention of FreeSurfer's labels; its relative decline with age follows
Fotenos et al. 2005 (Neurology 64:1032) and Marcus et al. 2007 (J Cogn Neurosci 19:1498), normalised
whole-brain volume of OASIS.
Cranial cavity and its difference between the sexes: Ruigrok et al. 2014 (Neurosci Biobehav Rev 39:34).
Lateral ventricles over age: Bethlehem et al. 2022 (Nature 604:525), Marcus et al. 2007.
White-matter lesions, rare before 50 years and common after 70: de Leeuw et al. 2001 (J Neurol Neurosurg
Psychiatry 70:9).

Young ages are drawn more often than old ones. Volumes carry little information on age before 45 years, so
estimates regress to the mean of the training ages; with uniformly drawn ages, they would be far too old for
most cohorts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurofm_bids.pretrain.synthesis.random_fields import RandomFields

__all__ = [
    "AGE_POWER",
    "Person",
    "draw_person",
    "expected_lateral_ml",
    "expected_lesion_load",
    "expected_tissue_fraction",
]

_AGES = (18.0, 95.0)
AGE_POWER = 1.6  # 1 would draw ages uniformly
_UNCONSTRAINED_SHARE = 0.3
_CRANIUM_ML = {"M": (1560.0, 125.0), "F": (1400.0, 115.0)}
_MEAN_CRANIUM_ML = 1480.0
_AGE_KNOTS = (18, 30, 40, 50, 60, 70, 80, 95)
_TISSUE_FRACTION = (0.818, 0.810, 0.802, 0.790, 0.772, 0.745, 0.712, 0.660)
_TISSUE_SD = 0.018
_LATERAL_ML = (10.5, 12.5, 14.5, 17.5, 22.5, 31.0, 40.0, 52.0)
_LATERAL_LOG_SD = 0.42
_CORRELATION = -0.25  # of tissue fraction and log ventricular volume at a given age


@dataclass(frozen=True)
class Person:
    """A synthetic person.

    Parameters
    ----------
    age_years, sex
        18 to 95, ``M`` or ``F``; None if the volumes were drawn without regard to age and sex.
    cranium_ml, brain_ml, lateral_ml
        Target volumes of the cranial cavity, of brain tissue and of the lateral ventricles.
    lesion_load
        Extent of white-matter lesions, 0 to 1.
    """

    age_years: float | None
    sex: str | None
    cranium_ml: float
    brain_ml: float
    lateral_ml: float
    lesion_load: float

    @property
    def ventricle_excess(self) -> float:
        """Logarithm of the lateral ventricles over 20 ml; the other ventricles are scaled with it."""
        return float(np.log(self.lateral_ml / 20))


def expected_tissue_fraction(age_years: float) -> float:
    """Return the median fraction of the cranial cavity that brain tissue fills at an age."""
    return float(np.interp(age_years, _AGE_KNOTS, _TISSUE_FRACTION))


def expected_lateral_ml(age_years: float, cranium_ml: float = _MEAN_CRANIUM_ML) -> float:
    """Return the median volume of both lateral ventricles at an age, scaled to the cranial cavity."""
    return float(np.interp(age_years, _AGE_KNOTS, _LATERAL_ML)) * cranium_ml / _MEAN_CRANIUM_ML


def draw_person(rng: RandomFields, age_power: float = AGE_POWER) -> Person:
    """Draw a person of the population, or, with probability 0.3, volumes regardless of age and sex."""
    if rng.chance(_UNCONSTRAINED_SHARE):
        cranium = rng.uniform(1100, 1900)
        lateral = float(np.exp(rng.uniform(np.log(5), np.log(150))))
        fraction = rng.uniform(0.64, 0.85) - lateral / cranium / 2
        return Person(None, None, cranium, fraction * cranium, lateral, rng.uniform(0, 0.9))
    young, old = _AGES
    age, sex = young + (old - young) * rng.uniform(0, 1) ** age_power, "M" if rng.chance(0.5) else "F"
    cranium = rng.normal(*_CRANIUM_ML[sex])
    first, second = rng.normal(), rng.normal()
    fraction = expected_tissue_fraction(age) + _TISSUE_SD * first
    scatter = _CORRELATION * first + np.sqrt(1 - _CORRELATION**2) * second
    lateral = expected_lateral_ml(age, cranium) * float(np.exp(_LATERAL_LOG_SD * scatter))
    load = expected_lesion_load(age) * float(np.exp(rng.normal(0, 0.5)))
    return Person(age, sex, cranium, fraction * cranium, lateral, min(load, 1.0))


def expected_lesion_load(age_years: float) -> float:
    """Return the median extent of white-matter lesions at an age, 0 to 1."""
    return 0.02 + 0.6 / (1 + float(np.exp((70 - age_years) / 8)))
