"""Reports as PDF, printed by a headless browser."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.storage.atomic import write_bytes

__all__ = ["find_browser", "print_pdf"]

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-extensions",
    "--no-first-run",
    "--no-pdf-header-footer",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # a report needs no network
)
_SECONDS = 120


def find_browser() -> str:
    """Return the path of a browser that can print.

    Raises
    ------
    NeuroFMError
        There is none on the PATH.
    """
    for name in _BROWSERS:
        if path := shutil.which(name):
            return path
    raise NeuroFMError(
        "reports cannot be printed: no Chromium or Chrome was found on the PATH",
        where="--pdf",
        fix="Install chromium, or omit --pdf and print the HTML reports from any browser.",
        code=Exit.USAGE,
    )


def print_pdf(report: Path, browser: str) -> Path:
    """Print a report to the PDF beside it, and return its path.

    Raises
    ------
    NeuroFMError
        The browser ends with an error or not at all, or writes no PDF.
    """
    path = report.with_suffix(".pdf")
    with tempfile.TemporaryDirectory(prefix="neurofm-pdf-") as folder:
        printed = Path(folder) / "report.pdf"
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses to run as root with it
        command = [
            browser,
            *_FLAGS,
            *sandbox,
            f"--user-data-dir={folder}/profile",
            f"--print-to-pdf={printed}",
        ]
        try:
            done = subprocess.run(
                [*command, report.resolve().as_uri()], capture_output=True, timeout=_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _failed(report, f"{browser} did not run to its end ({type(error).__name__})") from error
        if done.returncode or not printed.is_file() or not printed.read_bytes().startswith(b"%PDF"):
            raise _failed(report, f"{browser} wrote no PDF (exit code {done.returncode})")
        write_bytes(path, printed.read_bytes())
    return path


def _failed(report: Path, what: str) -> NeuroFMError:
    return NeuroFMError(what, where=report, fix="Print the HTML report from a browser, or omit --pdf.")
