"""Cohort: people of 18 to 95 years with the volumes that their age and sex make likely.

Sources
-------
Level of brain tissue in the cranial cavity (.815 at 20 years): the young label maps themselves, so that the
targets stay in the convention of FreeSurfer's labels. Its relative course over age: Fotenos et al. 2005
(Neurology 64:1032) and Marcus et al. 2007 (J Cogn Neurosci 19:1498), normalised whole-brain volume of OASIS.
Cranial cavity and its difference between the sexes: Ruigrok et al. 2014 (Neurosci Biobehav Rev 39:34).
Lateral ventricles over age: Bethlehem et al. 2022 (Nature 604:525), Marcus et al. 2007.
White-matter lesions, rare before 50 years and common after 70: de Leeuw et al. 2001 (J Neurol Neurosurg
Psychiatry 70:9).

Young ages are drawn more often than old ones. Volumes say little about age before 45 years, so an estimate
falls back on the middle of what was drawn; with ages drawn evenly that would be far too old for most cohorts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurofm_bids.pretrain.dice import Dice

__all__ = [
    "AGES",
    "Person",
    "draw_person",
    "expected_lateral_ml",
    "expected_lesion_load",
    "expected_tissue_fraction",
]

AGES = (18.0, 95.0)
_AGE_POWER = 1.6  # 1 would draw ages evenly
_WIDE_SHARE = 0.3
_CRANIUM_ML = {"M": (1560.0, 125.0), "F": (1400.0, 115.0)}
_MEAN_CRANIUM_ML = 1480.0
_AGE_KNOTS = (18, 30, 40, 50, 60, 70, 80, 95)
_TISSUE_FRACTION = (0.818, 0.810, 0.802, 0.790, 0.772, 0.745, 0.712, 0.660)
_TISSUE_SD = 0.018
_LATERAL_ML = (10.5, 12.5, 14.5, 17.5, 22.5, 31.0, 40.0, 52.0)
_LATERAL_LOG_SD = 0.42
_SHARED = -0.25  # correlation of tissue fraction and log ventricles at one age


@dataclass(frozen=True)
class Person:
    """Who a volume shows.

    Parameters
    ----------
    age_years, sex
        18 to 95, ``M`` or ``F``; None for a body drawn without regard to age and sex.
    cranium_ml, brain_ml, lateral_ml
        Wanted volumes of the cranial cavity, of brain tissue and of the lateral ventricles.
    ventricle_excess
        Logarithm of the lateral ventricles over 20 ml; the other ventricles follow it.
    lesion_load
        Extent of dark spots in the white matter, 0 to 1.
    """

    age_years: float | None
    sex: str | None
    cranium_ml: float
    brain_ml: float
    lateral_ml: float
    ventricle_excess: float
    lesion_load: float


def expected_tissue_fraction(age_years: float) -> float:
    """Return brain tissue over cranial cavity in the middle of an age."""
    return float(np.interp(age_years, _AGE_KNOTS, _TISSUE_FRACTION))


def expected_lateral_ml(age_years: float, cranium_ml: float = _MEAN_CRANIUM_ML) -> float:
    """Return the median of both lateral ventricles at an age, in proportion to the cranial cavity."""
    return float(np.interp(age_years, _AGE_KNOTS, _LATERAL_ML)) * cranium_ml / _MEAN_CRANIUM_ML


def draw_person(dice: Dice) -> Person:
    """Draw a person of the cohort, or, three times in ten, any volume with any head."""
    if dice.chance(_WIDE_SHARE):
        cranium = dice.uniform(1100, 1900)
        lateral = float(np.exp(dice.uniform(np.log(5), np.log(150))))
        fraction = dice.uniform(0.64, 0.85) - lateral / cranium / 2
        return _person(None, None, cranium, fraction, lateral, dice.uniform(0, 0.9))
    young, old = AGES
    age, sex = young + (old - young) * dice.uniform(0, 1) ** _AGE_POWER, "M" if dice.chance(0.5) else "F"
    cranium = dice.normal(*_CRANIUM_ML[sex])
    first, second = dice.normal(), dice.normal()
    fraction = expected_tissue_fraction(age) + _TISSUE_SD * first
    scatter = _SHARED * first + np.sqrt(1 - _SHARED**2) * second
    lateral = expected_lateral_ml(age, cranium) * float(np.exp(_LATERAL_LOG_SD * scatter))
    load = expected_lesion_load(age) * float(np.exp(dice.normal(0, 0.5)))
    return _person(age, sex, cranium, fraction, lateral, min(load, 1.0))


def expected_lesion_load(age_years: float) -> float:
    """Return the median extent of white-matter lesions at an age, 0 to 1."""
    return 0.02 + 0.6 / (1 + float(np.exp((70 - age_years) / 8)))


def _person(
    age: float | None, sex: str | None, cranium: float, fraction: float, lateral: float, load: float
) -> Person:
    return Person(age, sex, cranium, fraction * cranium, lateral, float(np.log(lateral / 20)), load)
