"""The commands of ``neurofm-tools readouts`` that make readouts: ``suggest`` and ``fit``."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurofm_bids.cli.arguments import Commands, add_command, add_options
from neurofm_bids.config import Resources
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.option import make, option

__all__ = ["add_commands"]

_EVALUATION, _DIGITS = "evaluation.tsv", 7
_log = logging.getLogger("neurofm_bids")


@dataclass(frozen=True)
class _Suggest:
    bids_dir: Path = option(convert=Path, help="the BIDS dataset")
    out: Path | None = option(
        "--out", default=None, convert=Path, metavar="FILE", help="new file to write, in place of the output"
    )


@dataclass(frozen=True)
class _Fit:
    features: Path = option(convert=Path, help="table of features: participant_id, then a column for each")
    table: Path = option(
        convert=Path,
        help="table with participant_id and the columns that tasks name, such as participants.tsv",
    )
    tasks: Path = option(convert=Path, help="file of tasks (.toml)")
    folder: Path = option(
        convert=Path, help="folder for the readouts, one file for each task, and the table evaluation.tsv"
    )


def add_commands(commands: Commands) -> None:
    """Add ``suggest`` and ``fit`` to the commands of a parser."""
    about = "propose tasks from the tables of a dataset, as a file of tasks"
    add_command(commands, "suggest", about, _suggest, _Suggest)
    about = "fit tasks to a table of features, such as cortical thickness, without images"
    add_options(add_command(commands, "fit", about, _fit, _Fit), Resources, "nprocs")


def _suggest(given: Mapping[str, Any]) -> Exit:
    from neurofm_bids.readouts.suggest import suggest_tasks
    from neurofm_bids.readouts.task_text import task_file_text
    from neurofm_bids.storage.atomic import write_text

    options = make(_Suggest, given)
    if options.out is not None and os.path.lexists(options.out):
        fix = "Name another file, or remove this one."
        raise NeuroFMError("the file exists already", where=options.out, fix=fix, code=Exit.CANT_CREATE)
    found = suggest_tasks(options.bids_dir)
    text = task_file_text(found)
    if options.out is None:
        sys.stdout.write(text)
        return Exit.OK
    write_text(options.out, text)
    _log.info("Tasks: %d, in %s", len(found.proposals), options.out)
    return Exit.OK


def _fit(given: Mapping[str, Any]) -> Exit:
    from neurofm_bids.group.readout_fits import Fits
    from neurofm_bids.group.readout_table import evaluation_rows
    from neurofm_bids.readouts.batch import fit_tasks
    from neurofm_bids.readouts.fit import feature_set_of
    from neurofm_bids.readouts.plain_tables import read_data
    from neurofm_bids.readouts.task_file import read_tasks
    from neurofm_bids.records.dictionary import evaluation_columns
    from neurofm_bids.storage.atomic import write_text
    from neurofm_bids.storage.tables import table_text

    options, resources = make(_Fit, given), make(Resources, given)
    file = read_tasks(options.tasks)
    data = read_data(options.features, options.table)
    file.check_columns(data.table.keys())
    found = fit_tasks(data, file.tasks, options.folder, resources.nprocs)
    rows = evaluation_rows(Fits(tuple(file.tasks), feature_set_of(data.names), found))
    columns = evaluation_columns()
    text = table_text(columns, (row.values() for row in rows), _DIGITS)
    write_text(options.folder / _EVALUATION, text)
    _log.info("Readouts: %d in %s; refused: %d", len(found.readouts), options.folder, len(found.refused))
    return Exit.SOME_FAILED if found.refused else Exit.OK
