"""Fitting readouts to the scans of a cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurofm_bids.bids.covariates import Known
from neurofm_bids.config import Readouts
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.registry import model_names, model_spec
from neurofm_bids.readouts.batch import Data, Outcomes, fit_tasks
from neurofm_bids.readouts.columns import scan_values
from neurofm_bids.readouts.cross_validation import Scheme
from neurofm_bids.readouts.task import Task
from neurofm_bids.readouts.task_file import TaskFile, read_tasks
from neurofm_bids.records.cohort import Cohort, Member
from neurofm_bids.records.columns import feature_columns
from neurofm_bids.records.dictionary import volume_column
from neurofm_bids.records.origin import one_origin

__all__ = ["Fits", "check_tasks", "data_of", "fit_cohort", "read_task_files"]

_STANDARD = Scheme()
_VOLUME = "_mm3"


@dataclass(frozen=True)
class Fits:
    """Tasks that were fitted to a cohort, in the order of their files, and what became of them."""

    tasks: tuple[Task, ...]
    features: str
    outcomes: Outcomes


def read_task_files(paths: Sequence[Path]) -> tuple[TaskFile, ...]:
    """Return the files of tasks.

    Raises
    ------
    NeuroFMError
        A file is not valid, or two files have tasks of the same name.
    """
    files = tuple(map(read_tasks, paths))
    places: dict[str, Path] = {}
    for file in files:
        for task in file.tasks:
            other = places.setdefault(task.name.lower(), file.file.path)
            if other != file.file.path:
                raise NeuroFMError(
                    f"two files have a task {task.name}",
                    where=f"{other} and {file.file.path}",
                    fix="Rename one of them.",
                    code=Exit.USAGE,
                )
    return files


def fit_cohort(
    cohort: Cohort,
    covariates: Known,
    options: Readouts,
    folder: Path,
    processes: int,
    scheme: Scheme = _STANDARD,
) -> Fits:
    """Fit the tasks that the options name to the scans that take part in statistics.

    Parameters
    ----------
    folder
        Of the files of readouts.
    processes
        Tasks that are fitted at once.

    Raises
    ------
    NeuroFMError
        A file of tasks is not valid, scans were made differently or have no such features, or a file cannot
        be written. A task that cannot be fitted is among the outcomes.
    """
    data, tasks = check_tasks(cohort, covariates, options, scheme)
    return Fits(tasks, options.features, fit_tasks(data, tasks, folder, processes))


def check_tasks(
    cohort: Cohort, covariates: Known, options: Readouts, scheme: Scheme = _STANDARD
) -> tuple[Data, tuple[Task, ...]]:
    """Return what :func:`fit_cohort` would fit, with its errors."""
    files = read_task_files(options.tasks)
    data = data_of(cohort, covariates, options.features, scheme)
    for file in files:
        file.check_columns(data.table.keys())
    return data, tuple(chain.from_iterable(file.tasks for file in files))


def data_of(cohort: Cohort, covariates: Known, features: str, scheme: Scheme = _STANDARD) -> Data:
    """Return features, covariates, image quality metrics and predictions of the scans that take part.

    Parameters
    ----------
    features
        ``latent``, ``regional`` or ``both``.

    Raises
    ------
    NeuroFMError
        Scans were made differently, no scan takes part, or none has volumes of regions.
    """
    origin = one_origin(cohort.origins, "readouts cannot be fitted to")
    rows = np.flatnonzero(cohort.included)
    members = [cohort.members[row] for row in rows]
    if not members:
        raise NeuroFMError(
            "no scan takes part in statistics, so that no readout can be fitted",
            fix="Look at the quality of the scans, or use --include-failed.",
        )
    latent, regional = cohort.features[rows].astype(np.float64), _volumes(members)
    if features != "latent" and not regional:
        raise NeuroFMError(
            f"no scan has volumes of regions for --features {features}",
            fix="Run the participant level without --no-anatomy, or use --features latent.",
            code=Exit.USAGE,
        )
    blocks = {"latent": [latent], "regional": [], "both": [latent]}[features]
    names = feature_columns(latent.shape[1]) if features != "regional" else ()
    if features != "latent":
        blocks.append(np.column_stack(list(regional.values())))
        names += tuple(regional)
    predictions = [cohort.values(name)[rows] for name in cohort.predicted]
    return Data(
        np.hstack(blocks),
        _table(members, covariates),
        names,
        np.column_stack(predictions) if predictions else None,
        covariates.dataset_name,
        origin,
        None if features == "regional" else _license(cohort),
        categories=frozenset(name for name, entry in covariates.dictionary.items() if entry.get("Levels")),
        scheme=scheme,
    )


def _license(cohort: Cohort) -> str | None:
    """Return the license of a model whose weights are downloaded; what is fitted is derived from them."""
    made = cohort.made.model if cohort.made else None
    if made is None or made.name not in model_names() or not model_spec(made.name).repository:
        return None
    return made.license


def _volumes(members: Sequence[Member]) -> dict[str, npt.NDArray[np.float64]]:
    """Return the volumes of each region in mm3; NaN where a region was not found."""
    columns = dict.fromkeys(column for member in members for column in member.morphometry)
    names = [column.removesuffix(_VOLUME) for column in columns if column.endswith(_VOLUME)]
    volumes = {}
    for name in names:
        cells = (member.morphometry.get(volume_column(name)) for member in members)
        values = np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)
        volumes[name] = np.where(values > 0, values, np.nan)
    return volumes


def _table(members: Sequence[Member], covariates: Known) -> Mapping[str, list[object]]:
    """Return the columns of the dataset, and those of image quality that have other names."""
    rows = [{**member.quality, **scan_values(covariates, member.scan)} for member in members]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}
