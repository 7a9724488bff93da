"""Norms of regional volumes: means over age, sex and head size, and how people vary around them.

The tables are made by ``benchmarks/make_norms.py`` from the models of NOMIS (Potvin, Dieumegarde, Duchesne
2021, bioRxiv 2021.01.25.428063): 6,909 healthy people of 18 to 100 years, FreeSurfer 6.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.anatomy.regions import REGIONS, STRUCTURES

__all__ = ["CHOROID_MM3", "ETIV_ML", "Norms", "read_norms"]

Values = NDArray[np.float64]

ETIV_ML = {"F": 1420.0, "M": 1600.0}  # head size to which the means belong
# Choroid plexus of one side, which regions count as lateral ventricle and norms do not.
CHOROID_MM3 = 600.0


@dataclass(frozen=True)
class Norms:
    """Means, slopes, standard deviations and correlations of the regions, in the order of ``REGIONS``.

    Parameters
    ----------
    ages
        Ages of the tables in years, equally spaced, (a,).
    mean
        At the head size of :data:`ETIV_ML`, for each sex (a, r), in mm3 or its decimal logarithm.
    slope
        Change of the mean per 100 ml of head size, for each sex (a, r).
    sd
        Between people of one age, sex and head size, (r,), in the unit of the mean.
    logarithmic
        Whether the unit of a region is a logarithm, (r,).
    correlation
        Between regions at a given age, sex and head size, (r, r).
    root
        Its lower Cholesky factor, which turns independent residuals into those of a person.
    symmetry
        Correlation of each region with its counterpart on the other side, 1 without sides, (r,).
    """

    ages: Values
    mean: dict[str, Values]
    slope: dict[str, Values]
    sd: Values
    logarithmic: NDArray[np.bool_]
    correlation: Values
    root: Values
    symmetry: Values

    def volumes_mm3(
        self, age_years: float, sex: str, etiv_ml: float, residuals: Values | float = 0
    ) -> Values:
        """Return the volumes of all regions, (r,), in mm3, lateral ventricles with choroid plexus.

        Parameters
        ----------
        age_years
            Ages outside the tables are extrapolated from the two nearest.
        sex
            ``M`` or ``F``.
        etiv_ml
            Head size: FreeSurfer's estimated total intracranial volume.
        residuals
            Deviations of a person from the mean, (r,), in sd.
        """
        return _in_mm3(self.means(age_years, sex, etiv_ml) + self.sd * residuals, self.logarithmic)

    def means(self, age_years: float, sex: str, etiv_ml: float) -> Values:
        """Return the means of all regions, (r,), in mm3 or its decimal logarithm, without choroid plexus."""
        mean = self._at(age_years, self.mean[sex])
        return mean + self._at(age_years, self.slope[sex]) * (etiv_ml - ETIV_ML[sex]) / 100

    def log_sd(self, volumes_mm3: Values) -> Values:
        """Return the sd of natural logarithms between people who have these volumes on average, (r,)."""
        return np.asarray(np.where(self.logarithmic, self.sd * np.log(10), self.sd / volumes_mm3))

    def _at(self, age_years: float, table: Values) -> Values:
        position = (age_years - self.ages[0]) / (self.ages[1] - self.ages[0])
        row = int(np.clip(position, 0, len(self.ages) - 2))
        return np.asarray(table[row] + (position - row) * (table[row + 1] - table[row]))


def _in_mm3(values: Values, logarithmic: NDArray[np.bool_]) -> Values:
    volumes = np.where(logarithmic, 10.0 ** np.where(logarithmic, values, 0), values)
    return np.asarray(volumes + _CHOROID)


_CHOROID = np.array([CHOROID_MM3 * (STRUCTURES[r.structure].name == "lateral_ventricle") for r in REGIONS])


@lru_cache(maxsize=1)
def read_norms() -> Norms:
    """Return the norms of the package."""
    rows = list(_rows("norms.tsv"))
    ages = np.array(sorted({float(row["age_years"]) for row in rows}))

    def column(name: str, sex: str) -> Values:
        values = [float(row[name]) for row in rows if row["sex"] == sex]
        return np.array(values).reshape(len(REGIONS), len(ages)).T

    mean, slope = ({sex: column(name, sex) for sex in ETIV_ML} for name in ("mean", "slope_per_100ml_etiv"))
    logarithmic = np.array([row["unit"].startswith("log10") for row in rows[:: 2 * len(ages)]])
    matrix = np.array(
        [[float(row[region.name]) for region in REGIONS] for row in _rows("norms_correlation.tsv")]
    )
    pairs = np.array([[a.structure == b.structure for a in REGIONS] for b in REGIONS])
    symmetry = np.where(pairs, matrix, 1.0).min(axis=1)
    return Norms(
        ages, mean, slope, column("sd", "F")[0], logarithmic, matrix, np.linalg.cholesky(matrix), symmetry
    )


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = (files("neurofm_bids") / "data" / name).read_text(encoding="utf-8")
    return csv.DictReader(text.splitlines(), delimiter="\t")
