"""The command as a whole: messages, exit codes, speed. Runs on real data are in tests/participant."""

import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from neurofm_bids.cli import main as module
from neurofm_bids.cli.main import main
from neurofm_bids.cluster.process import SLURM
from neurofm_bids.config import Config
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.group.run import GroupResult
from neurofm_bids.participant.run import RunResult
from neurofm_bids.records.cohort import Missing
from neurofm_bids.records.failure import Failure


@pytest.fixture(autouse=True)
def undisturbed():
    """Leave signals, logging and environment as they were."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = {number: signal.getsignal(number) for number in numbers}
    root = logging.getLogger()
    logs, level = list(root.handlers), root.level
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    root.handlers, root.level = logs, level
    os.environ.pop("PYTHONSAFEPATH", None)


def raising(error):
    def run(config):
        assert isinstance(config, Config)
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (
            NeuroFMError("the disk is full", where="out", fix="Free some space.", code=Exit.IO),
            74,
            "ERROR the disk is full: out. Free some space.",
        ),
        (
            KeyboardInterrupt(),
            130,
            "Interrupted. Finished scans are kept; run the same command again to resume.",
        ),
        (KeyError("x"), 70, "Unexpected error. Please report it with the lines below."),
    ],
)
def test_exit_codes_and_messages(folders, monkeypatch, capsys, error, code, message):
    monkeypatch.setattr("neurofm_bids.participant.run.run_participant", raising(error))
    assert main([*folders, "participant"]) == code
    text = capsys.readouterr().err
    assert message in text
    assert ("Traceback" in text) == (code == 70)


FAILURE = Failure("sub-1_T1w.nii", "1", "sub-1", "encode", "reason", "fix")
FULL = NeuroFMError("the disk is full", code=Exit.IO)
MISSING = GroupResult(1, (Missing("sub-1", "reason"),), (Path("group.html"),))


@pytest.mark.parametrize(
    ("failed", "group", "codes"),
    [
        ([], replace(MISSING, missing=()), None),
        ([FAILURE], replace(MISSING, missing=()), (1, 0)),
        ([FAILURE], MISSING, (1, 1)),
        ([FAILURE], FULL, (1, 74)),
        ([], FULL, (0, 74)),
    ],
)
def test_both_levels_give_the_exit_code_of_the_worse(folders, monkeypatch, capsys, failed, group, codes):
    def write_group(*_, **__):
        if isinstance(group, Exception):
            raise group
        return group

    Path(folders[1]).mkdir()
    result = RunResult(up_to_date=[], failed=failed)
    monkeypatch.setattr("neurofm_bids.participant.run.run_participant", lambda config: result)
    monkeypatch.setattr("neurofm_bids.group.run.write_group", write_group)
    assert main([*folders, "participant", "group"]) == (max(codes) if codes else 0)
    text = capsys.readouterr().err
    assert ("Exit codes" in text) == bool(codes)
    if codes:
        assert "participant level {}, group level {}.".format(*codes) in text
    assert ("the disk is full" in text) == (group is FULL)


def test_a_report_that_is_not_written_gives_exit_code_1(folders, monkeypatch):
    result = RunResult(unreported={"01"})
    monkeypatch.setattr("neurofm_bids.participant.run.run_participant", lambda config: result)
    assert main([*folders, "participant"]) == 1


@pytest.mark.parametrize("levels", [("participant",), ("participant", "group")])
def test_the_group_level_is_not_run_after_an_early_end(folders, monkeypatch, capsys, levels):
    monkeypatch.setattr("neurofm_bids.participant.run.run_participant", raising(FULL))
    monkeypatch.setattr("neurofm_bids.group.run.write_group", lambda *_, **__: pytest.fail("run"))
    assert main([*folders, *levels]) == 74
    text = capsys.readouterr().err
    assert "the disk is full" in text
    assert ("the group level was not run" in text) is (len(levels) > 1)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["session"], 17, "unknown analysis level: session. Use participant or group."),
        (["participant", "--nope"], 64, "unrecognized arguments: --nope"),
        (["group"], 66, "output folder not found"),
        (["participant"], 16, "dataset_description.json"),
    ],
)
def test_wrong_commands(folders, capsys, arguments, code, message):
    assert main([*folders, *arguments]) == code
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "root", "libraries"),
    [
        ([], logging.INFO, logging.ERROR),
        (["-v"], logging.INFO, logging.ERROR),
        (["-vv"], logging.DEBUG, logging.ERROR),
        (["--verbose", "-vv"], logging.DEBUG, logging.DEBUG),
    ],
)
def test_verbosity(folders, options, root, libraries):
    main([*folders, "group", *options])
    assert logging.getLogger().level == root
    assert logging.getLogger("matplotlib").level == libraries


def test_signals_end_the_run_once(folders, monkeypatch):
    def run(config):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    monkeypatch.setattr("neurofm_bids.participant.run.run_participant", run)
    assert main([*folders, "participant"]) == 130
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN  # cleaning up is not disturbed


def test_ignored_signals_stay_ignored(folders):
    """As nohup leaves them."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    main([*folders, "group", "--dry-run"])
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@pytest.mark.parametrize(("options", "given"), [((), ()), (("--executor", "slurm"), (SLURM,))])
def test_scans_are_processed_here_or_on_a_cluster(folders, monkeypatch, options, given):
    calls = []

    def run(config, *executors):
        calls.append(executors)
        return RunResult()

    monkeypatch.setattr("neurofm_bids.participant.run.run_participant", run)
    assert main([*folders, "participant", *options]) == 0
    assert calls == [given]


def test_help_is_quick():
    seconds = []
    for _ in range(3):
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", "neurofm_bids", "--help"], check=True, capture_output=True)
        seconds.append(time.monotonic() - began)
    assert min(seconds) < 0.5 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def test_the_parser_is_public():
    assert module.get_parser().prog == "neurofm"
