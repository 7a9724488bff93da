"""What is clustered: features of scans, and which scans make clusters; what clusters are compared in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.clusters.settings import ClusterSettings
from neurofm_bids.analysis.clusters.space import without_effects
from neurofm_bids.analysis.design import LEAST_KNOWN
from neurofm_bids.analysis.scans import AGE, PARTICIPANT, SEX, Scans, first_of_each
from neurofm_bids.anatomy.regions import REGIONS
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.readouts.columns import numbers, texts
from neurofm_bids.records.dictionary import volume_column
from neurofm_bids.storage.text import some_of

__all__ = ["Inputs", "check_inputs", "read_inputs"]

_Array = npt.NDArray[np.float64]
_Mask = npt.NDArray[np.bool_]

_HEAD_SIZE = volume_column("intracranial")
_VOLUMES = tuple(volume_column(region.name) for region in REGIONS)
_SMALLEST_MM3 = 1.0  # of which the logarithm is taken where a volume is less


@dataclass(frozen=True)
class Inputs:
    """What clusters are made from and described by.

    Parameters
    ----------
    features
        Shape (n, d); not finite in scans that cannot be placed.
    makers
        Which scans make clusters, shape (n,): the first usable one of each participant.
    adjust
        Age (years), sex (1 for men) and intracranial volume (mm3), shape (n,) each, where at least 80% of the
        scans that make clusters have it.
    kinds
        Kind of each column in which clusters are compared: volume, prediction, readout, quality, or column
        (of the dataset, and acquisition parameters).
    remarks
        Which scans are left out, and why.
    """

    features: _Array
    makers: _Mask
    adjust: Mapping[str, _Array]
    kinds: Mapping[str, str]
    remarks: tuple[str, ...] = ()


def check_inputs(scans: Scans, settings: ClusterSettings) -> None:
    """Raise if clusters of these settings cannot be made of these scans.

    Raises
    ------
    NeuroFMError
        A column of the settings has no numbers, or no volumes are known where they are wanted.
    """
    if settings.features != "latent":
        _volumes(scans)
    for name in settings.adjust:
        _effect(scans, name)


def read_inputs(scans: Scans, settings: ClusterSettings) -> Inputs:
    """Return the inputs of a cohort.

    Raises
    ------
    NeuroFMError
        As :func:`check_inputs`.
    """
    features = _features(scans, settings.features)
    features[~scans.included] = np.nan
    if settings.adjust:
        effects = np.column_stack([_effect(scans, name) for name in settings.adjust])
        usable = _finite(features) & _finite(effects)
        if usable.any():
            features = without_effects(features, effects, _firsts(scans, usable))
    usable = _finite(features)
    makers = _firsts(scans, usable)
    return Inputs(features, makers, _adjust(scans, makers), _kinds(scans), _left_out(scans, usable, settings))


def _features(scans: Scans, kind: str) -> _Array:
    parts = []
    if kind in {"latent", "both"}:
        parts.append(scans.features.astype(np.float64))
    if kind in {"regional", "both"}:
        volumes = scans.table[_volumes(scans)].to_numpy(np.float64)
        parts.append(np.log(np.maximum(volumes, _SMALLEST_MM3)))
    return np.concatenate(parts, axis=1)


def _volumes(scans: Scans) -> list[str]:
    """Return the columns of the volumes of regions."""
    names = [name for name in _VOLUMES if name in scans.table.columns]
    if not names:
        raise NeuroFMError(
            "the scans have no volumes of regions",
            where="--group-config, table clusters, key features",
            fix='Run the participant level with segmentation, or write features = "latent".',
            code=Exit.USAGE,
        )
    return names


def _effect(scans: Scans, name: str) -> _Array:
    if name == SEX:
        return _is_male(scans)
    values = numbers(texts(scans.table[name]))
    if values is None:
        raise NeuroFMError(
            f"the column {name!r} has texts that are not numbers",
            where="--group-config, table clusters, key adjust",
            fix="Name columns of numbers, age or sex.",
            code=Exit.USAGE,
        )
    return values


def _is_male(scans: Scans) -> _Array:
    codes = {"M": 1.0, "F": 0.0}
    return np.array([codes.get(text, np.nan) for text in texts(scans.table[SEX])])


def _finite(values: _Array) -> _Mask:
    return np.asarray(np.isfinite(values).all(axis=1))


def _firsts(scans: Scans, usable: _Mask) -> _Mask:
    """Tell which scans are the first usable one of their participant."""
    return first_of_each(scans.table[PARTICIPANT].astype(str), usable)


def _adjust(scans: Scans, makers: _Mask) -> dict[str, _Array]:
    found = {AGE: scans.table[AGE].to_numpy(np.float64), SEX: _is_male(scans)}
    if _HEAD_SIZE in scans.table.columns:
        found[_HEAD_SIZE] = scans.table[_HEAD_SIZE].to_numpy(np.float64)
    return {
        name: values
        for name, values in found.items()
        if makers.any() and np.isfinite(values[makers]).mean() >= LEAST_KNOWN
    }


def _kinds(scans: Scans) -> dict[str, str]:
    kinds = {AGE: "column", SEX: "column"}
    for name, units in scans.measures.items():
        is_volume = units == "mm^3" and not name.startswith("predicted_")
        other = "readout" if name.startswith("readout_") else "prediction"
        kinds[name] = "volume" if is_volume else other
    kinds |= dict.fromkeys(scans.metrics, "quality")
    return {**dict.fromkeys(scans.covariates, "column"), **kinds}


def _left_out(scans: Scans, usable: _Mask, settings: ClusterSettings) -> tuple[str, ...]:
    absent = np.flatnonzero(scans.included & ~usable)
    if not len(absent):
        return ()
    names = [str(name) for name in scans.table["scan"].iloc[absent]]
    of = " or ".join(filter(None, ("a feature", ", ".join(settings.adjust))))
    return (f"Clusters: {len(absent)} scans lack {of} and are left out ({some_of(sorted(names))}).",)
