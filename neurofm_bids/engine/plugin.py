"""Running a nipype graph so that one scan's failure, even a killed worker, never stops the others."""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from nipype.pipeline.plugins.multiproc import MultiProcPlugin

from neurofm_bids.bids.problems import option_problem
from neurofm_bids.config import Resources
from neurofm_bids.engine.work_folder import disk_errno
from neurofm_bids.engine.workers import Task, Workers
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.pipeline.steps import EVERY_STEP

__all__ = ["IDLE_GB", "MAIN_GB", "Observer", "SurvivingPlugin", "execute"]

IDLE_GB = 0.8  # what a worker keeps between steps
MAIN_GB = 0.4  # what the command itself takes
_KEYS = "Use only the keys plugin and plugin_args."
_PLACE = {step.name: place for place, step in enumerate(EVERY_STEP)}


class Observer(Protocol):
    """Is notified of what becomes of each node; an exception that it raises ends the run of the graph."""

    def started(self, node: Any) -> None:
        """Note that a node was submitted to a worker."""

    def ended(self, node: Any) -> None:
        """Note that a node is done."""

    def failed(self, node: Any, trace: str, errno: int | None) -> None:
        """Note that a node raised an exception, and whether its folder cannot be written to."""

    def retried(self, node: Any, death: NeuroFMError) -> None:
        """Note that the worker of a node died; the node gets one more try."""

    def killed(self, node: Any, death: NeuroFMError) -> None:
        """Note that two workers of a node died."""


@dataclass
class _Running:
    """A node with a worker, or waiting for its second try."""

    node: Any
    task: Task | None = None
    again: bool = False


class SurvivingPlugin(MultiProcPlugin):  # type: ignore[misc]
    """nipype's MultiProc on :class:`Workers`: polled, and without its hang when a worker is killed.

    In MultiProc a killed worker breaks the pool that all share, raises inside a callback, and the node is
    never marked done. Here only the node of that worker is lost. It gets one more try when nothing else is
    running; if its worker dies again it has failed. Scans are finished one after another, not step by step,
    so that few of them lie in the work folder.
    """

    def __init__(self, workers: Workers, observer: Observer, plugin_args: dict[str, Any]) -> None:
        super().__init__(plugin_args={**plugin_args, "status_callback": self._status_changed})
        self.pool.shutdown(wait=False)  # the base class's own, still without processes
        self._workers, self._observer = workers, observer
        self._running: dict[int, _Running] = {}
        self.failed = False

    def _status_changed(self, node: Any, status: str) -> None:
        if status == "start":
            self._observer.started(node)
        elif status == "end":
            self._observer.ended(node)

    def _sort_jobs(self, jobids: Any, scheduler: str = "") -> Any:
        """Return the jobs, those of the latest steps first."""
        return sorted(jobids, key=lambda jobid: (-_PLACE.get(self.procs[jobid].name, 0), jobid))

    def _submit_job(self, node: Any, updatehash: bool = False) -> int:
        self._taskid += 1
        self._task_obj[self._taskid] = None
        running = self._running[self._taskid] = _Running(node)
        self._start(running)
        return int(self._taskid)

    def _start(self, running: _Running) -> None:
        free = self.memory_gb - sum(r.node.mem_gb for r in self._running.values())
        running.task = self._workers.submit(_run_node, running.node, reserved=running.node.is_gpu_node())
        self._workers.trim(max(0, int(free / IDLE_GB)))

    def _send_procs_to_workers(self, updatehash: bool = False, graph: Any = None) -> None:
        """Start what is ready, but nothing beside a second try."""
        if not any(running.again for running in self._running.values()):
            super()._send_procs_to_workers(updatehash=updatehash, graph=graph)

    def _get_result(self, taskid: int) -> dict[str, Any] | None:
        running = self._running[taskid]
        try:
            if running.task is None and not any(other.task for other in self._running.values()):
                self._start(running)
            return self._outcome(running) if running.task and running.task.is_over() else None
        except Exception:  # nipype would not clear a task whose result raises, and would wait for it forever
            return {"traceback": traceback.format_exception(*sys.exc_info())}

    def _outcome(self, running: _Running) -> dict[str, Any] | None:
        """Return the result of a node, or None if it is tried again."""
        task = running.task
        assert task is not None
        self._workers.give_back(task)
        if not task.is_lost():
            result: dict[str, Any] = task.result()
            return result
        death = task.cause_of_death()
        if running.again:
            return {"traceback": [str(death)], "death": death}
        self._observer.retried(running.node, death)
        running.task, running.again = None, True
        return None

    def _clear_task(self, taskid: int) -> None:
        super()._clear_task(taskid)
        self._running.pop(taskid, None)

    def _report_crash(self, node: Any, result: Any = None) -> str:
        """Leave the reporting to the observer."""
        self.failed, outcome = True, result or {}
        if "death" in outcome:
            self._observer.killed(node, outcome["death"])
        else:
            trace = "".join(outcome.get("traceback") or ())
            self._observer.failed(node, trace, outcome.get("errno"))
        return ""

    def _postrun_check(self) -> None:
        """Keep the workers for the next chunk."""


def execute(graph: Any, resources: Resources, workers: Workers, observer: Observer) -> str:
    """Run a graph to its end, or to the first crash with ``--stop-on-first-crash``.

    Parameters
    ----------
    graph
        nipype workflow of one chunk.
    resources
        Processors, memory and plugin of the run.
    workers
        Where nodes run (not used with ``--use-plugin``).
    observer
        Is notified of each node (not used with ``--use-plugin``).

    Returns
    -------
    str
        nipype's message about nodes that failed, or an empty text.

    Raises
    ------
    NeuroFMError
        The plugin file cannot be used, or what the observer raises.
    """
    _quiet_nipype()
    if resources.use_plugin:
        return _execute_with(resources.use_plugin, graph)
    args = {
        "n_procs": resources.nprocs,
        "n_gpu_procs": 1,
        "memory_gb": max(0.1, resources.memory_gb - MAIN_GB),
        "raise_insufficient": False,
    }
    plugin = SurvivingPlugin(workers, observer, args)
    try:
        graph.run(plugin=plugin)
    except RuntimeError as error:
        if not plugin.failed:
            raise
        return str(error)
    return ""


def _execute_with(settings_file: Path, graph: Any) -> str:
    """Run a graph with another nipype plugin, which sends no notifications."""
    try:
        graph.run(**_plugin_settings(settings_file))
    except RuntimeError as error:
        return str(error)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise NeuroFMError(
            f"nipype cannot use the plugin ({error})", where=settings_file, code=Exit.USAGE
        ) from error
    return ""


def _run_node(node: Any) -> dict[str, Any]:
    """Run a node in a worker and return what nipype expects: no traceback if all went well."""
    _quiet_nipype()
    try:
        node.run()
    except BaseException as error:
        trace = traceback.format_exception(error)
        return {"traceback": trace, "errno": disk_errno(error, Path(node.base_dir))}
    return {"traceback": None}


def _quiet_nipype() -> None:
    """Silence nipype's own messages; ours name step and scan."""
    from nipype import config
    from nipype import logging as nipype_logging

    for key in ("workflow_level", "interface_level", "utils_level"):
        config.set("logging", key, "CRITICAL")
    nipype_logging.update_logging(config)


def _plugin_settings(path: Path) -> dict[str, Any]:
    import yaml

    try:
        settings = yaml.safe_load(path.read_text())
        if not isinstance(settings, dict):
            raise ValueError("it has no keys")
    except (OSError, ValueError, yaml.YAMLError) as error:
        what, fix = option_problem(path, error, "plugin file", "--use-plugin", "It must be YAML.")
        raise NeuroFMError(what, where=path, fix=fix, code=Exit.USAGE) from error
    if not set(settings) <= {"plugin", "plugin_args"}:
        raise NeuroFMError("unknown key in the plugin file", where=path, fix=_KEYS, code=Exit.USAGE)
    return settings
