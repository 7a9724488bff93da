"""Chunk after chunk of scans, with nodes that end at once; tests/participant runs real ones."""

from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from neurofm_bids.config import Config, Resources, Running
from neurofm_bids.engine.process import Processed, process
from neurofm_bids.engine.run_log import RunLog
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.pipeline.steps import STEPS
from neurofm_bids.storage.locks import Locks
from tests.engine.scans import scan

LAST = STEPS[-1].name


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a function that processes six scans, of which some fail, and yields chunk by chunk."""

    def execute(graph, resources, workers, chunk):
        for index, subject in enumerate(graph):
            node = SimpleNamespace(fullname=f"chunk.scan_{index}.{LAST}")
            if subject in execute.failing:
                chunk.failed(node, "trace", None)
            else:
                chunk.ended(node)
        return ""

    def graph(tasks, voxels, folder, **settings):
        assert len(voxels) == len(tasks)
        return tasks

    monkeypatch.setattr("neurofm_bids.engine.plugin.execute", execute)
    monkeypatch.setattr("neurofm_bids.pipeline.nipype_graph.scans_graph", graph)
    monkeypatch.setattr("neurofm_bids.engine.workers.Workers.call", lambda *_, **__: "cpu")

    def run(failing=(), done=(), memory_gb=8.0, count=6, **running):
        execute.failing = failing
        config = Config(
            Path("/bids"),
            tmp_path / "out",
            resources=Resources(nprocs=1, memory_gb=memory_gb),
            running=Running(work_dir=tmp_path / "work", **running),
        )
        job = SimpleNamespace(
            config=config,
            task=lambda scan: scan.subject,
            is_done=lambda scan: scan.subject in done,
            forget=lambda scan: None,
        )
        log, processed = RunLog(config.out_dir, config), Processed()
        with Locks(config.out_dir / "logs" / ".lock") as locks:
            scans = [scan(number) for number in range(count)]
            with closing(process(job, scans, locks, log, processed)) as chunks:
                subjects = [sorted(chunk) for chunk in chunks]
        log.close()
        return subjects, processed

    return run


def subjects_of(items):
    return [item.subject for item in items]


def test_scans_are_processed_in_chunks_of_four_per_processor(run, tmp_path):
    chunks, processed = run(failing={"2"}, done={"4"})
    assert chunks == [["0", "1", "2", "3"], ["5"]]
    assert subjects_of(processed.done) == ["0", "1", "3", "5"]
    assert subjects_of(processed.failed) == ["2"]
    assert subjects_of(processed.elsewhere) == ["4"]
    assert list((tmp_path / "work").iterdir()) == []


def test_without_scans_nothing_is_started(run, tmp_path):
    assert run(count=0)[0] == []
    assert not (tmp_path / "work").exists()


def test_the_first_failure_may_stop_the_run(run, caplog):
    chunks, processed = run(failing={"2"}, stop_on_first_crash=True)
    assert chunks == [["0", "1", "2", "3"]]
    assert subjects_of(processed.done) == ["0", "1", "3"]
    assert "Stopped at the first failure; finished scans are kept." in caplog.text


def test_little_memory_is_a_warning(run, caplog):
    run(memory_gb=1.0)
    assert "only 1.0 GB is available: steps run one at a time" in caplog.text


def test_errors_of_the_work_folder_name_it(run, monkeypatch, tmp_path):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("neurofm_bids.pipeline.nipype_graph.scans_graph", full)
    with pytest.raises(NeuroFMError, match=r"the disk is full: .*/work/") as error:
        run()
    assert error.value.code is Exit.IO
