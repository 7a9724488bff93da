"""The commands of ``neurofm-tools readouts``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurofm_bids.cli.arguments import Commands, add_command
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.option import make, option

if TYPE_CHECKING:
    from neurofm_bids.readouts.readout import Evaluation, Readout

__all__ = ["add_commands"]


_WIDTH = 42  # of names in a description


@dataclass(frozen=True)
class _Show:
    readout: Path = option(convert=Path, help="file of a readout (.json)")


@dataclass(frozen=True)
class _Check:
    readouts: tuple[Path, ...] = option("--readouts", convert=Path, many=True, metavar="FILE", help="files")


@dataclass(frozen=True)
class _Apply:
    features: Path = option(
        convert=Path, help="table of features of one scan, or group_desc-<model>_features.tsv"
    )
    readouts: tuple[Path, ...] = option(
        "--readouts", convert=Path, many=True, metavar="FILE", help="files of fitted readouts (.json)"
    )
    tables: tuple[Path, ...] = option(
        "--tables",
        default=(),
        convert=Path,
        many=True,
        metavar="FILE",
        help="tables of the same scans with volumes or covariates, such as the other ones of the group level",
    )


def add_commands(commands: Commands) -> None:
    """Add ``apply``, ``show`` and ``check`` to the commands of a parser."""
    about = "print the scores of each row of a table of features as TSV"
    add_command(commands, "apply", about, _apply, _Apply)
    add_command(commands, "show", "describe a readout: task, training, how well it does", _show, _Show)
    add_command(commands, "check", "check that files of readouts are whole and unchanged", _check, _Check)


def _apply(given: Mapping[str, Any]) -> Exit:
    from neurofm_bids.group.score_table import score_table
    from neurofm_bids.readouts.file import read_readout

    options = make(_Apply, given)
    readouts = [read_readout(path) for path in options.readouts]
    sys.stdout.write(score_table(readouts, options.features, options.tables))
    return Exit.OK


def _check(given: Mapping[str, Any]) -> Exit:
    from neurofm_bids.readouts.file import read_readout

    code = Exit.OK
    for path in make(_Check, given).readouts:
        try:
            readout = read_readout(path)
            sys.stdout.write(f"ok      {path}: {readout.task.name}, SHA-256 {readout.digest}\n")
        except NeuroFMError as error:
            sys.stdout.write(f"FAILED  {error}\n")
            code = Exit.DATA
    return code


def _show(given: Mapping[str, Any]) -> Exit:
    from neurofm_bids.readouts.file import read_readout

    for name, text in _described(read_readout(make(_Show, given).readout)):
        sys.stdout.write(f"{name:<{_WIDTH - 2}}  {text}\n")
    return Exit.OK


def _described(readout: Readout) -> Iterator[tuple[str, str]]:
    from neurofm_bids.readouts.fit import NOT_OF_SCANS

    task, training, origin = readout.task, readout.training, readout.origin
    yield "Readout", task.name
    yield "Description", task.description or "none"
    yield "Domain, kind", f"{task.domain}, {task.kind}"
    yield "Target", task.target
    if readout.classes:
        yield "Classes", ", ".join(readout.classes)
    yield "Features", f"{len(readout.features)} ({readout.feature_set})"
    yield "Covariates", ", ".join(one.name for one in readout.covariates) or "none"
    yield "Training", f"{training.description} ({training.scans} scans of {training.people} people)"
    yield from (("Note", note) for note in readout.notes)
    yield from _evaluated(readout.evaluation)
    if origin == NOT_OF_SCANS:
        yield "Model", "none: the features are not of NeuroFM-BIDS"
    else:
        yield "Model", f"weights {origin.weights_sha256}, pipeline version {origin.pipeline_version}"
        yield "Settings", ", ".join(f"{name}={value}" for name, value in sorted(origin.parameters.items()))
    yield "License", readout.license or "none stated"
    yield "SHA-256", readout.digest


def _evaluated(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    if evaluation.scheme:
        yield "Held-out scans", evaluation.scheme
    for title, metrics in (
        ("", evaluation.metrics),
        (", covariates only", evaluation.covariates_only),
        (", with covariates", evaluation.with_covariates),
        (", predictions only", evaluation.predictions_only),
        (", predictions and covariates", evaluation.predictions_and_covariates),
    ):
        for name, metric in metrics.items():
            value = "n/a" if metric.value is None else f"{metric.value:.3g}"
            limits = metric.interval95
            interval = "" if limits is None else f" (95% interval {limits[0]:.3g} to {limits[1]:.3g})"
            yield f"{name}{title}", f"{value}{interval}"
    if evaluation.p_value is not None:
        yield "Permutations", f"p = {evaluation.p_value:.3g}, not corrected for other tasks"
