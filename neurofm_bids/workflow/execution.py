"""Running a nipype graph so that one scan's failure, even a killed worker, never stops the others."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from nipype.pipeline.plugins.multiproc import MultiProcPlugin, run_node

from neurofm_bids.config import Config
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.workflow.graph import FAILURE

__all__ = ["Workers", "execute"]

_KILLED = {
    "reason": "the worker process was killed, most likely for lack of memory",
    "fix": "Give more memory (--mem, or the job's limit) or fewer parallel scans (--nprocs).",
    "expected": True,
    "traceback": "",
}

_log = logging.getLogger(__name__)


class Workers:
    """A pool of worker processes that is kept over chunks and replaced when a worker dies."""

    def __init__(self, processes: int, threads: int) -> None:
        _quiet_nipype()
        self.processes, self.threads = processes, threads
        self._others = set(multiprocessing.active_children())
        self._context = multiprocessing.get_context("forkserver")
        self._pool = self._new_pool(processes)
        self._alone: list[ProcessPoolExecutor] = []

    def _new_pool(self, processes: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            processes, mp_context=self._context, initializer=_start_worker, initargs=(self.threads,)
        )

    def submit(self, *task: Any) -> Future[Any]:
        """Run ``task[0](*task[1:])`` in the pool."""
        try:
            return self._pool.submit(*task)
        except BrokenProcessPool:
            self._pool.shutdown(wait=False)
            self._pool = self._new_pool(self.processes)
            return self._pool.submit(*task)

    def submit_alone(self, *task: Any) -> Future[Any]:
        """Run a task in a fresh process of its own, so that only the guilty one dies again."""
        pool = self._new_pool(1)
        self._alone.append(pool)
        return pool.submit(*task)

    def close(self) -> None:
        """End all worker processes, also those still at work."""
        for pool in (self._pool, *self._alone):
            pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - self._others:
            process.terminate()


def _start_worker(threads: int) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"
    _quiet_nipype()


def _end_with_parent() -> None:
    """End this worker when the command that started it is gone, however it ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _quiet_nipype() -> None:
    """Silence nipype's own messages; ours say which step of which scan is done, or why not."""
    from nipype import config
    from nipype import logging as nipype_logging

    for key in ("workflow_level", "interface_level", "utils_level"):
        config.set("logging", key, "CRITICAL")
    nipype_logging.update_logging(config)


class SurvivingPlugin(MultiProcPlugin):  # type: ignore[misc]
    """nipype's MultiProc, polling its futures instead of waiting for their callbacks.

    In MultiProc a killed worker raises inside the future's callback, the node is never marked done and the
    run hangs. Here a lost node gets one more try in a process of its own; if that dies too it is failed.
    """

    def __init__(self, workers: Workers, plugin_args: dict[str, Any]) -> None:
        super().__init__(plugin_args=plugin_args)
        self.pool.shutdown(wait=False)  # the base class's own, still without processes
        self._workers = workers
        self._lost: dict[int, tuple[Any, bool]] = {}

    def _submit_job(self, node: Any, updatehash: bool = False) -> int:
        self._taskid += 1
        self._task_obj[self._taskid] = self._workers.submit(run_node, node, updatehash, self._taskid)
        self._lost[self._taskid] = (node, False)
        return int(self._taskid)

    def _get_result(self, taskid: int) -> dict[str, Any] | None:
        future = self._task_obj[taskid]
        if not future.done():
            return None
        if future.exception() is None:
            result: dict[str, Any] = future.result()
            return result
        node, tried_again = self._lost[taskid]
        if not tried_again:
            _log.warning("A worker died; trying %s once more in a process of its own.", node.fullname)
            self._lost[taskid] = (node, True)
            self._task_obj[taskid] = self._workers.submit_alone(run_node, node, False, taskid)
            return None
        folder = Path(node.output_dir())
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FAILURE).write_text(json.dumps(_KILLED))
        return {"result": None, "traceback": [_KILLED["reason"]], "taskid": taskid}

    def _clear_task(self, taskid: int) -> None:
        super()._clear_task(taskid)
        self._lost.pop(taskid, None)

    def _report_crash(self, node: Any, result: Any = None) -> str:
        """Leave the reporting to the caller, who reads ``failure.json``."""
        return ""

    def _postrun_check(self) -> None:
        """Keep the workers for the next chunk."""


def execute(
    graph: Any, config: Config, workers: Workers, on_step: Callable[[Any, str], None] | None = None
) -> str:
    """Run a graph to its end, or to the first crash with ``--stop-on-first-crash``.

    Parameters
    ----------
    graph
        nipype workflow of one chunk.
    config
        Processors, memory and plugin of the run.
    workers
        The pool to run in (not used with ``--use-plugin``).
    on_step
        Called with ``(node, status)``, status ``start``, ``end`` or ``exception``.

    Returns
    -------
    str
        What nipype said of nodes that failed, or nothing; each leaves its own ``failure.json``.

    Raises
    ------
    NeuroFMError
        The plugin file cannot be used.
    """
    args: dict[str, Any] = {
        "n_procs": config.nprocs,
        "memory_gb": config.memory_gb,
        "raise_insufficient": False,
        "status_callback": on_step,
    }
    try:
        if config.use_plugin is not None:
            graph.run(**_plugin_settings(config.use_plugin))
        else:
            graph.run(plugin=SurvivingPlugin(workers, args))
    except RuntimeError as error:
        return str(error)
    return ""


def _plugin_settings(path: Path) -> dict[str, Any]:
    import yaml

    try:
        settings = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise NeuroFMError(
            f"the plugin file cannot be read ({error})", where=path, code=Exit.USAGE
        ) from error
    if not isinstance(settings, dict) or not set(settings) <= {"plugin", "plugin_args"}:
        raise NeuroFMError("a plugin file holds 'plugin' and 'plugin_args' only", where=path, code=Exit.USAGE)
    return settings
