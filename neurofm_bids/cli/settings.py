"""From parsed options to a checked :class:`~neurofm_bids.config.Config`."""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
from pathlib import Path

from neurofm_bids.bids.discovery import parse_labels, read_filter_file
from neurofm_bids.config import Config
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.resources import available_cpus, available_memory_gb

__all__ = ["make_config"]

_COPIED = (
    "skip_bids_validation",
    "skull_strip",
    "bias_correction",
    "encode_space",
    "template",
    "views",
    "precision",
    "random_seed",
    "model",
    "weights",
    "output_images",
    "omp_nthreads",
    "device",
    "batch_size",
    "use_plugin",
    "force",
    "stop_on_first_crash",
    "reports_only",
    "keep_work",
    "resource_monitor",
    "dry_run",
    "verbose",
)


def make_config(options: argparse.Namespace, *, command: str) -> Config:
    """Return the settings of one run.

    Parameters
    ----------
    options
        What the parser read.
    command
        The command line, for reports and logs.

    Raises
    ------
    NeuroFMError
        Folders that exclude each other (exit code 64) or an unreadable label or filter file.
    """
    bids_dir, out_dir = _absolute(options.bids_dir), _absolute(options.out_dir)
    work_dir = _absolute(options.work_dir) if options.work_dir else _default_work_dir(out_dir)
    _check_folders(bids_dir, out_dir, work_dir)
    if options.reports_only and options.force:
        raise NeuroFMError("--force and --reports-only exclude each other", fix="Use one.", code=Exit.USAGE)
    filters = read_filter_file(options.bids_filter_file) if options.bids_filter_file else ()
    levels = tuple(dict.fromkeys(options.analysis_level))
    return Config(
        bids_dir=bids_dir,
        out_dir=out_dir,
        work_dir=work_dir,
        levels=tuple(sorted(levels, reverse=True)),  # participant before group
        participant_label=parse_labels(options.participant_label),
        session_label=parse_labels(options.session_label),
        bids_filter=filters,
        nprocs=options.nprocs or available_cpus(),
        memory_gb=options.mem or available_memory_gb(),
        command=command,
        **{name: getattr(options, name) for name in _COPIED},
    )


def _absolute(path: Path) -> Path:
    """Make a path absolute without resolving links."""
    return Path(path).expanduser().absolute()


def _default_work_dir(out_dir: Path) -> Path:
    name = hashlib.sha256(str(out_dir).encode()).hexdigest()[:8]
    try:
        return Path(tempfile.gettempdir()) / f"neurofm-work-{os.geteuid()}-{name}"
    except FileNotFoundError as error:
        raise NeuroFMError(
            "there is no temporary folder that may be written to",
            fix="Give a folder for intermediate files with --work-dir.",
            code=Exit.CANT_CREATE,
        ) from error


def _check_folders(bids_dir: Path, out_dir: Path, work_dir: Path) -> None:
    if out_dir.resolve() == bids_dir.resolve():
        raise NeuroFMError(
            "the output folder is the dataset itself",
            where=out_dir,
            fix=f"Use for example {bids_dir / 'derivatives' / 'neurofm'}.",
            code=Exit.USAGE,
        )
    if work_dir.resolve().is_relative_to(bids_dir.resolve()):
        raise NeuroFMError(
            "the work folder lies inside the dataset",
            where=work_dir,
            fix="Choose another with --work-dir.",
            code=Exit.USAGE,
        )
