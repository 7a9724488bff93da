"""The text of a crash file: what a developer needs to know, without environment variables."""

from __future__ import annotations

import platform
import re
import tempfile
from pathlib import Path
from typing import Any

import nibabel as nib

from neurofm_bids.config import Config
from neurofm_bids.pipeline.provenance import software
from neurofm_bids.resources import available_cpus, available_memory_gb

__all__ = ["crash_text"]

_SECRET = re.compile(
    r"""\bhf_\w{8,} | (?<=://)[^/\s@]+(?=@) | (?<=bearer\s)\S+
    | (\b\w*(?:token|password|passwd|secret|api[_-]?key)\w*["']?\s*[\s=:]\s*["']?)[^\s"',]+""",
    re.IGNORECASE | re.VERBOSE,
)


def crash_text(config: Config, scan: str, step: str, reason: str, trace: str) -> str:
    """Return a crash file as text: input, command, folders, versions, machine, traceback.

    It has no environment variables, and what looks like a token or password is masked.

    Parameters
    ----------
    scan
        Path of the image relative to the dataset, or an empty text.
    step
        Where it happened.
    reason, trace
        Python's message, in a line and in full.
    """
    lines = {
        "Fault": f"{step}: {reason}",
        "Command": config.command,
        "Scan": f"{scan}\n  {_header(config.bids_dir / scan)}" if scan else "none",
        "Settings": ", ".join(f"{key}={value}" for key, value in config.processing.parameters.items()),
        "Folders": f"work {config.running.work_dir}, temporary {_temporary_folder()}",
        "Versions": ", ".join(f"{name} {version}" for name, version in software().items()),
        "Python": f"{platform.python_version()} on {platform.platform()}",
        "Limits": f"{available_cpus()} processors, {available_memory_gb():.1f} GB of memory "
        f"(this run: {config.resources.nprocs}, {config.resources.memory_gb:.1f} GB)",
    }
    text = "\n".join(f"{key}: {value}" for key, value in lines.items())
    return _SECRET.sub(lambda secret: f"{secret.group(1) or ''}***", f"{text}\n\n{trace}".rstrip() + "\n")


def _temporary_folder() -> str:
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:
        return "none"


def _header(path: Path) -> str:
    """Describe an image by its header, without any name or date that it may hold."""
    try:
        size = path.stat().st_size
        image: Any = nib.load(path)
        zooms = "x".join(f"{z:.4g}" for z in image.header.get_zooms())
        return f"{size} bytes, shape {image.shape}, {image.get_data_dtype()}, voxels of {zooms} mm"
    except Exception as error:  # whatever a damaged file raises is worth telling
        return f"the header cannot be read ({type(error).__name__}: {error})"
