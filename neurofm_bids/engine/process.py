"""Processing the scans of a run, chunk after chunk, in worker processes."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from neurofm_bids.bids.discovery import Scan
from neurofm_bids.config import Config
from neurofm_bids.engine.chunk import Chunk
from neurofm_bids.engine.claims import claimed_chunks
from neurofm_bids.engine.monitor import monitored
from neurofm_bids.engine.progress import Progress
from neurofm_bids.engine.run_log import RunLog
from neurofm_bids.engine.work_folder import work_folder
from neurofm_bids.errors import os_error
from neurofm_bids.geometry import count_voxels
from neurofm_bids.pipeline.task import Task
from neurofm_bids.records.failure import Failure
from neurofm_bids.storage.locks import Locks

if TYPE_CHECKING:
    from neurofm_bids.engine.workers import Workers

__all__ = ["Job", "Processed", "process"]

_log = logging.getLogger(__name__)


class Job(Protocol):
    """What the engine has to know of a run."""

    @property
    def config(self) -> Config:
        """Settings of the run."""

    def task(self, scan: Scan) -> Task:
        """Return what the steps of a scan need."""

    def is_done(self, scan: Scan) -> bool:
        """Tell whether another run has finished a scan."""

    def forget(self, scan: Scan) -> None:
        """Remove the file that marks a scan as finished."""


@dataclass
class Processed:
    """What became of scans, filled as they finish; another run finished those ``elsewhere``."""

    done: list[Scan] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    elsewhere: list[Scan] = field(default_factory=list)


def process(
    job: Job, scans: Sequence[Scan], locks: Locks, log: RunLog, processed: Processed
) -> Generator[set[str], None, None]:
    """Process scans and yield the participants of each chunk when it is finished, its locks still held.

    Raises
    ------
    NeuroFMError
        The device, the weights, the template or the work folder are missing; or the output or work folder
        is full or gone.
    """
    if not scans:
        return
    config = job.config
    with _started(config, log.folder) as (workers, folder, gpu):
        progress = Progress(len(scans))
        try:
            size = 4 * config.resources.nprocs
            chunks = claimed_chunks(scans, locks, size, job.is_done, processed.elsewhere)
            for number, claimed in enumerate(chunks):
                chunk = Chunk(config, claimed, folder / str(number), job.forget, log, progress)
                try:
                    _run(job, claimed, chunk, workers, gpu=gpu)
                finally:
                    processed.done += chunk.done
                    processed.failed += chunk.failed_scans
                yield {scan.subject for scan in claimed}
                if processed.failed and config.running.stop_on_first_crash:
                    _log.error("Stopped at the first failure; finished scans are kept.")
                    return
        finally:
            progress.close()


@contextmanager
def _started(config: Config, log_folder: Path) -> Iterator[tuple[Workers, Path, bool]]:
    """Yield workers, work folder, and whether the network runs on a GPU.

    What is missing for all scans ends the run here, before any work.
    """
    from neurofm_bids.engine.workers import Workers
    from neurofm_bids.pipeline.network import device_type
    from neurofm_bids.pipeline.steps import steps_of
    from neurofm_bids.preprocess.registration import load_template

    load_template(config.processing.template)
    _warn_of_little_memory(config)
    with (
        work_folder(config.running.work_dir, out_dir=config.out_dir, keep=config.running.keep_work) as folder,
        Workers(config.resources.omp_nthreads, folder) as workers,
        monitored(config.resources.resource_monitor, log_folder, folder),
    ):
        networks = any(step.gpu for step in steps_of(config.processing, config.running.stage))
        gpu = networks and workers.call(device_type, config.processing, reserved=True) != "cpu"
        if not gpu:
            workers.unreserve()
        yield workers, folder, gpu


def _warn_of_little_memory(config: Config) -> None:
    from neurofm_bids.engine.plugin import MAIN_GB
    from neurofm_bids.pipeline.steps import most_memory_gb

    available_gb = config.resources.memory_gb
    needed = MAIN_GB + most_memory_gb(config.processing, stage=config.running.stage)
    if available_gb < needed:
        _log.warning(
            "An image of 256^3 voxels needs up to %.1f GB, and only %.1f GB is available: "
            "steps run one at a time.",
            needed,
            available_gb,
        )


def _run(job: Job, scans: Sequence[Scan], chunk: Chunk, workers: Workers, *, gpu: bool) -> None:
    from neurofm_bids.engine.plugin import execute
    from neurofm_bids.pipeline.nipype_graph import scans_graph
    from neurofm_bids.pipeline.steps import USUAL_VOXELS

    config = job.config
    try:
        chunk.folder.mkdir()
        graph = scans_graph(
            [job.task(scan) for scan in scans],
            [count_voxels(scan.path) or USUAL_VOXELS for scan in scans],
            chunk.folder,
            memory_gb=config.resources.memory_gb,
            gpu=gpu,
            stop_on_first_crash=config.running.stop_on_first_crash,
        )
        message = execute(graph, config.resources, workers, chunk)
    except OSError as error:  # nipype itself writes there
        raise os_error(error, chunk.folder) from error
    chunk.finish(message)
    if not config.running.keep_work:
        shutil.rmtree(chunk.folder, ignore_errors=True)
