"""The scans of a cohort as analyses take them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neurofm_bids.records.origin import Origin

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["AGE", "PARTICIPANT", "SCAN", "SESSION", "SEX", "Scans", "first_of_each"]

PARTICIPANT, SESSION, SCAN, AGE, SEX = "participant_id", "session_id", "scan", "age", "sex"


@dataclass(frozen=True)
class Scans:
    """n scans, in the order of the group tables.

    Parameters
    ----------
    table
        One row per scan, numbered from 0: ``participant_id``, ``session_id`` and ``scan``; ``age`` in years,
        NaN where it is not known or only a lower bound; ``sex``, F, M or None; the columns of
        ``measures``, ``metrics`` and ``covariates``, and ``<prediction>_sd`` over the passes. Values that
        statistics leave out are NaN.
    features
        Latent features, shape (n, d), float32.
    included
        Whether a scan takes part in statistics, shape (n,).
    measures
        Columns of predictions, volumes of regions (mm3) and scores of readouts, and their units.
    metrics
        Columns of image quality metrics.
    covariates
        Columns of the tables of the dataset and acquisition parameters.
    origins
        How the values of the scans were made: more than one where scans differ.
    """

    table: pd.DataFrame
    features: npt.NDArray[np.float32]
    included: npt.NDArray[np.bool_]
    measures: Mapping[str, str]
    metrics: tuple[str, ...]
    covariates: tuple[str, ...]
    origins: tuple[Origin, ...] = ()


def first_of_each(people: pd.Series, usable: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Tell which scans are the first usable one of their participant, shape (n,).

    Parameters
    ----------
    people
        Participant of each scan.
    """
    first = np.zeros(len(people), dtype=bool)
    first[np.flatnonzero(usable)[~people[usable].duplicated().to_numpy()]] = True
    return first
