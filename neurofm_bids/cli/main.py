"""The command ``neurofm``: run the levels, report the outcome, return an exit code."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neurofm_bids.cli.options import get_parser, parse
from neurofm_bids.cli.output import printing
from neurofm_bids.cluster_options import EXECUTORS
from neurofm_bids.config import LEVELS, Config
from neurofm_bids.errors import INTERRUPTED, Exit, NeuroFMError

if TYPE_CHECKING:
    from neurofm_bids.participant.run import RunResult

__all__ = ["get_parser", "main"]

_log = logging.getLogger("neurofm_bids")


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``neurofm`` and return its exit code (see :class:`neurofm_bids.errors.Exit`)."""
    _start_logging()
    os.environ.setdefault("PYTHONSAFEPATH", "1")  # workers import nothing from the current folder
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:  # as nohup and jobs in the background set it
                signal.signal(number, _interrupt)
    try:
        config = parse(sys.argv[1:] if argv is None else argv)
        _set_verbosity(config.running.verbose)
        _leave_unusable_folder()
        return int(_run(config))
    except NeuroFMError as error:
        _log.error("%s", error)
        return int(error.code)
    except KeyboardInterrupt:
        _log.error("Interrupted. Finished scans are kept; run the same command again to resume.")
        return INTERRUPTED
    except Exception:
        _log.exception("Unexpected error. Please report it with the lines below.")
        return int(Exit.SOFTWARE)


def _leave_unusable_folder() -> None:
    """Change to the root folder if libraries and workers, which ask for the current one, cannot use it.

    It no longer exists, or its name has a line break, which nipype writes into a configuration text.
    """
    try:
        is_usable = "\n" not in str(Path.cwd())
    except FileNotFoundError:
        is_usable = False
    if not is_usable:
        os.chdir("/")


def _interrupt(number: int, frame: object) -> None:
    """Treat the end of a job and a closed terminal like Ctrl-C; ignore further signals while cleaning up."""
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    raise KeyboardInterrupt


class _Lines(logging.Handler):
    """Writes to the current standard error, which a progress bar replaces to stay below the lines."""

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError, ValueError):  # closing the terminal does not end the run
            sys.stderr.write(f"{self.format(record)}\n")


def _start_logging() -> None:
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    handler = _Lines()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S"))
    root.addHandler(handler)
    _set_verbosity(0)


def _set_verbosity(verbose: int) -> None:
    logging.getLogger().setLevel(logging.DEBUG if verbose > 1 else logging.INFO)
    for name in ("matplotlib", "PIL", "fontTools", "asyncio"):
        logging.getLogger(name).setLevel(logging.DEBUG if verbose > 2 else logging.ERROR)


def _preview(config: Config) -> Exit:
    from neurofm_bids.cli.preview import preview

    preview(config)
    return Exit.OK


def _run(config: Config) -> int:
    participant, group = (level in config.levels for level in LEVELS)
    if group:
        _check_group_files(config)
    if config.running.dry_run:
        return printing(lambda: _preview(config))
    if not participant:
        return _group(config)
    if not group:
        return _participant(config)
    try:
        code = _participant(config)
    except NeuroFMError:
        _log.error("The participant level ended early; the group level was not run.")
        raise
    return _group_after(code, config)


def _check_group_files(config: Config) -> None:
    """End the run before any work if a file of tasks or of settings, or an input folder, is not valid."""
    from neurofm_bids.analysis.settings import read_settings
    from neurofm_bids.group.inputs import check_inputs
    from neurofm_bids.group.readout_fits import read_task_files

    check_inputs(config.out_dir, config.analyses.group_inputs)
    read_settings(config.analyses.group_config)
    read_task_files(config.readouts.tasks)


def _group_after(participant: Exit, config: Config) -> Exit:
    """Run the group level and return the exit code of the worse level."""
    try:
        group = _group(config)
    except NeuroFMError as error:
        _log.error("%s", error)
        group = error.code
    if participant or group:
        _log.error("Exit codes: participant level %d, group level %d.", participant, group)
    return max(participant, group)


def _participant(config: Config) -> Exit:
    from neurofm_bids.participant.run import run_participant

    if config.cluster.executor == EXECUTORS[0]:
        result = run_participant(config)
    else:
        from neurofm_bids.cluster.process import SLURM

        result = run_participant(config, SLURM)
    _summary(config, result)
    return Exit.SOME_FAILED if result.failed or result.unreported else Exit.OK


def _summary(config: Config, result: RunResult) -> None:
    from neurofm_bids.bids.names import FAILED, REPORT

    if not (result.done or result.failed or config.outputs.reports_only):
        _log.info(
            "Nothing to do. Scans up to date: %d (use --force to process them again).",
            len(result.up_to_date),
        )
    if result.failed and result.log_folder:
        _log.info("Failed scans and reasons: %s", result.log_folder / FAILED)
    if result.reports:
        many = len(result.reports) > 1
        _log.info("Reports: %s", config.out_dir / REPORT.format("*") if many else min(result.reports))


def _group(config: Config) -> Exit:
    from neurofm_bids.group.run import write_group
    from neurofm_bids.model.registry import model_spec

    spec = model_spec(config.processing.model)
    result = write_group(
        config.out_dir,
        spec.label,
        bids_dir=config.bids_dir,
        selection=config.selection,
        centiles=config.centiles,
        readouts=config.readouts,
        analyses=config.analyses,
        include_failed=config.outputs.include_failed,
        processes=config.resources.nprocs,
        command=config.command,
    )
    for missing in result.missing:
        _log.warning("missing: %s: %s", missing.stem, missing.reason)
    _log.info("Scans: %d in the group tables, %d missing.", result.rows, len(result.missing))
    _log.info("Report: %s", result.paths[-1])
    return Exit.SOME_FAILED if result.missing or result.refused or result.failed else Exit.OK
