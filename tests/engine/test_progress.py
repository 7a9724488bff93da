"""Progress: lines without a terminal, a bar on one."""

import io
import logging
import sys

import pytest

from neurofm_bids.engine.progress import Progress
from neurofm_bids.engine.run_log import Timing

TIMING = Timing("sub-01", "registration", "done", 1.25, 1.0, None)


@pytest.mark.parametrize(("terminal", "level"), [(False, logging.INFO), (True, logging.DEBUG)])
def test_steps_are_lines_without_a_terminal_only(monkeypatch, caplog, terminal, level):
    caplog.set_level(logging.DEBUG, logger="neurofm_bids")
    caplog.set_level(logging.DEBUG)
    screen = io.StringIO()
    screen.isatty = lambda: terminal
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    progress = Progress(2)
    progress.step_done(TIMING)
    progress.scan_done("sub-01", None)
    progress.scan_done("sub-02", "registration: it failed")
    progress.close()
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (level, "sub-01 registration done (1.2 s)"),
        (logging.INFO, "[1/2] sub-01 done"),
        (logging.ERROR, "[2/2] sub-02 failed in registration: it failed"),
    ]
    assert ("\x1b[" in screen.getvalue()) == terminal  # a bar is drawn, and moved
