"""The log folder of a run, and its settings as a settings file."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from neurofm_bids.cli.options import parse
from neurofm_bids.cluster_options import Shard
from neurofm_bids.config import Config, Selection
from neurofm_bids.engine.run_log import RunLog, Timing, settings_text
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.records.failure import Failure
from tests.tables import read_rows

FAILURE = Failure("sub-1/anat/sub-1_T1w.nii", "1", "sub-1", "encode", "it\tis\nbad", "=Fix it.")


@pytest.fixture
def log(tmp_path):
    log = RunLog(tmp_path, Config(tmp_path, tmp_path, command="neurofm in out"))
    yield log
    log.close()


def test_messages_are_in_the_log_until_it_is_closed(log):
    logger = logging.getLogger("neurofm_bids.test")
    logger.warning("one")
    log.note("two")
    log.close()
    logger.warning("three")
    text = (log.folder / "neurofm.log").read_text()
    assert [word in text for word in ("one", "two", "three")] == [True, True, False]


def test_timing_is_written_at_once(log):
    log.timed(Timing("sub-1", "encode", "killed", 1.5, None, None))
    (row,) = read_rows(log.folder / "timing.tsv")
    assert row.pop("finished").endswith("+00:00")
    assert row == {
        "scan": "sub-1",
        "step": "encode",
        "outcome": "killed",
        "seconds": "1.5",
        "cpu_seconds": "n/a",
        "peak_memory_mb": "n/a",
    }


def test_failures_are_listed_and_unexpected_ones_leave_crash_files(log):
    log.failed(FAILURE)
    log.failed(replace(FAILURE, stem="sub-2", scan="sub-2/anat/sub-2_T1w.nii", traceback="Traceback"))
    table = read_rows(log.folder / "failed.tsv")
    assert [row["scan"] for row in table] == [FAILURE.scan, "sub-2/anat/sub-2_T1w.nii"]
    assert (table[0]["step"], table[0]["reason"], table[0]["fix"]) == ("encode", "it is bad", "'=Fix it.")
    assert [path.name for path in log.folder.glob("crash-*")] == ["crash-sub-2-encode.txt"]


def test_a_crash_of_the_run_itself_names_no_scan(log):
    path = log.crashed("", "run", "KeyError: 'x'", "Traceback")
    assert path.name == "crash-run.txt"
    assert "neurofm in out" in path.read_text()


def test_a_list_that_cannot_be_written_is_a_warning(log, monkeypatch, caplog):
    def full(*_):
        raise NeuroFMError("the disk is full")

    monkeypatch.setattr("neurofm_bids.engine.run_log.write_text", full)
    log.failed(FAILURE)
    assert "The list of failed scans is not up to date: the disk is full" in caplog.text


def test_a_full_disk_silences_the_log(log, monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device")

    for handler in logging.getLogger().handlers:
        if getattr(handler, "baseFilename", "") == str(log.folder / "neurofm.log"):
            monkeypatch.setattr(handler.stream, "write", full, raising=False)
    logging.getLogger("neurofm_bids.test").warning("one")
    log.timed(Timing("sub-1", "encode", "done", 1.5, None, None))
    assert "Traceback" not in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_to_is_an_error(tmp_path):
    (tmp_path / "logs").write_text("a file")
    with pytest.raises(NeuroFMError) as error:
        RunLog(tmp_path, Config(tmp_path, tmp_path))
    assert error.value.code in {Exit.IO, Exit.CANT_CREATE}


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--participant-label", "01", "02", "--session-label", "a", "--skip-bids-validation"],
        ["--mem", "12.3456789GB", "--nprocs", "3", "--omp-nthreads", "2", "--resource-monitor"],
        [
            "--views",
            "3",
            "--skull-strip",
            "force",
            "--encode-space",
            "native",
            "--weights",
            '/w "1"\n\x07.h5',
        ],
        ["--batch-size", "2", "--device", "cuda:1", "--precision", "bfloat16"],
        ["--force", "--output-images", "--keep-work", "-vv", "--stop-on-first-crash", "-w", "work ü"],
        ["--shard", "3/20", "--index", "/index.jsonl"],
        [
            "--executor",
            "slurm",
            "--slurm-time",
            "1:30:00",
            "--slurm-mem",
            "8GB",
            "--slurm-args=--qos=a 'b c'",
        ],
        ["--reports-only", "--dry-run", "--use-plugin", "/plugin.yml", "--bias-correction", "none"],
    ],
)
def test_the_settings_of_a_run_are_a_settings_file(tmp_path, options):
    folders = [str(tmp_path / "bids"), str(tmp_path / "out"), "participant"]
    config = parse([*folders, *options])
    log = RunLog(Path(tmp_path), config)
    log.close()
    again = parse([*folders, "--config-file", str(log.folder / "config.toml")])
    assert replace(again, command="") == replace(config, command="")


def test_an_attempt_of_a_task_appends_to_the_log_of_the_last(tmp_path):
    """Its folder is beside the index; what failed in the last attempt is tried again."""
    index = tmp_path / "logs" / "run" / "index.jsonl"
    config = Config(tmp_path, tmp_path, selection=Selection(shard=Shard(3, 20), index=index))
    for text in ("first", "second"):
        log = RunLog(tmp_path, config)
        assert log.folder == index.parent / "tasks" / "3"
        assert not (log.folder / "failed.tsv").exists()
        log.note(text)
        log.failed(FAILURE)
        log.close()
    lines = (log.folder / "neurofm.log").read_text().splitlines()
    assert [line.rpartition(" ")[2] for line in lines] == ["first", "second"]


def test_settings_can_be_left_out(tmp_path):
    config = Config(tmp_path, tmp_path, selection=Selection(participant_label=("01",)))
    assert "participant-label" in settings_text(config)
    assert "participant-label" not in settings_text(config, {"participant_label"})
