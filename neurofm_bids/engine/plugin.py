"""Running a nipype graph so that one scan's failure, even a killed worker, never stops the others."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from nipype.pipeline.plugins.multiproc import MultiProcPlugin, run_node

from neurofm_bids.config import Config
from neurofm_bids.engine.workers import Task, Workers
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.pipeline.nipype_graph import IDLE_GB, MAIN_GB, STEPS

__all__ = ["Listener", "execute"]

_PLACE = {step: place for place, step in enumerate(STEPS)}


class Listener(Protocol):
    """Who is told what becomes of each node; an exception it raises ends the run of the graph."""

    def started(self, node: Any) -> None:
        """Hear that a node was given to a worker."""

    def ended(self, node: Any) -> None:
        """Hear that a node is done."""

    def failed(self, node: Any, trace: str) -> None:
        """Hear that a node raised."""

    def retried(self, node: Any, reason: str) -> None:
        """Hear that a worker died of a node, which gets one more try."""

    def killed(self, node: Any, reason: str, fix: str) -> None:
        """Hear that two workers died of a node."""


@dataclass
class _Running:
    """A node with a worker, or waiting for its second try."""

    node: Any
    task: Task | None
    again: bool = False


class SurvivingPlugin(MultiProcPlugin):  # type: ignore[misc]
    """nipype's MultiProc on :class:`Workers`: polled, and without its hang when a worker is killed.

    In MultiProc a killed worker breaks the pool of all, raises inside a callback, and the node is never
    marked done. Here only the node of that worker is lost. It gets one more try when nothing else is at
    work; if its worker dies again it has failed. Scans are finished one after another, not step by step, so
    that few of them lie in the work folder.
    """

    def __init__(self, workers: Workers, listener: Listener, plugin_args: dict[str, Any]) -> None:
        super().__init__(plugin_args={**plugin_args, "status_callback": self._heard})
        self.pool.shutdown(wait=False)  # the base class's own, still without processes
        self._workers, self._listener = workers, listener
        self._running: dict[int, _Running] = {}
        self._dead: dict[str, tuple[str, str]] = {}
        self.failed = False

    def _heard(self, node: Any, status: str) -> None:
        if status == "start":
            self._listener.started(node)
        elif status == "end":
            self._listener.ended(node)

    def _sort_jobs(self, jobids: Any, scheduler: str = "") -> Any:
        """Return the jobs with those furthest on the way first."""
        return sorted(jobids, key=lambda jobid: (-_PLACE.get(self.procs[jobid].name, 0), jobid))

    def _submit_job(self, node: Any, updatehash: bool = False) -> int:
        self._taskid += 1
        running = self._running[self._taskid] = _Running(node, None)
        self._task_obj[self._taskid] = None
        self._start(self._taskid, running)
        return int(self._taskid)

    def _start(self, taskid: int, running: _Running) -> None:
        free = self.memory_gb - sum(r.node.mem_gb for r in self._running.values())
        running.task = self._workers.submit(
            _run_quietly, running.node, taskid, reserved=running.node.is_gpu_node()
        )
        self._workers.trim(max(0, int(free / IDLE_GB)))

    def _send_procs_to_workers(self, updatehash: bool = False, graph: Any = None) -> None:
        """Start what is ready, but nothing beside a second try."""
        if not any(running.again for running in self._running.values()):
            super()._send_procs_to_workers(updatehash=updatehash, graph=graph)

    def _get_result(self, taskid: int) -> dict[str, Any] | None:
        try:
            return self._look(self._running[taskid], taskid)
        except Exception:  # nipype would not clear a task whose result raises, and wait for it for ever
            return {"result": None, "traceback": traceback.format_exc().splitlines(keepends=True)}

    def _look(self, running: _Running, taskid: int) -> dict[str, Any] | None:
        """Return the result of a node, or None while there is none."""
        if running.task is None:
            if not any(other.task for other in self._running.values()):
                self._start(taskid, running)
            return None
        if not running.task.is_over():
            return None
        self._workers.give_back(running.task)
        if not running.task.is_lost():
            result: dict[str, Any] = running.task.result()
            return result
        reason, fix = running.task.cause_of_death()
        if running.again:
            self._dead[running.node.fullname] = (reason, fix)
            return {"result": None, "traceback": [reason]}
        self._listener.retried(running.node, reason)
        running.task, running.again = None, True
        return None

    def _clear_task(self, taskid: int) -> None:
        super()._clear_task(taskid)
        self._running.pop(taskid, None)

    def _report_crash(self, node: Any, result: Any = None) -> str:
        """Leave the reporting to the listener."""
        self.failed = True
        if node.fullname in self._dead:
            self._listener.killed(node, *self._dead[node.fullname])
        else:
            self._listener.failed(node, "".join((result or {}).get("traceback") or ()))
        return ""

    def _postrun_check(self) -> None:
        """Keep the workers for the next chunk."""


def execute(graph: Any, config: Config, workers: Workers, listener: Listener) -> str:
    """Run a graph to its end, or to the first crash with ``--stop-on-first-crash``.

    Parameters
    ----------
    graph
        nipype workflow of one chunk.
    config
        Processors, memory and plugin of the run.
    workers
        Where nodes run (not used with ``--use-plugin``).
    listener
        Is told of each node (not used with ``--use-plugin``).

    Returns
    -------
    str
        What nipype said of nodes that failed, or nothing.

    Raises
    ------
    NeuroFMError
        The plugin file cannot be used, or what the listener raises.
    """
    args: dict[str, Any] = {
        "n_procs": config.resources.nprocs,
        "n_gpu_procs": 1,
        "memory_gb": max(0.1, config.resources.memory_gb - MAIN_GB),
        "raise_insufficient": False,
    }
    _quiet_nipype()
    settings_file = config.resources.use_plugin
    plugin = None if settings_file else SurvivingPlugin(workers, listener, args)
    try:
        graph.run(**(_plugin_settings(settings_file) if settings_file else {"plugin": plugin}))
    except RuntimeError as error:
        if plugin is not None and not plugin.failed:
            raise
        return str(error)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        if plugin is not None:
            raise
        raise NeuroFMError(
            f"nipype cannot use the plugin ({error})", where=settings_file, code=Exit.USAGE
        ) from error
    return ""


def _run_quietly(node: Any, taskid: int) -> dict[str, Any]:
    """Run a node in a worker."""
    _quiet_nipype()
    result: dict[str, Any] = run_node(node, False, taskid)
    return result


def _quiet_nipype() -> None:
    """Silence nipype's own messages; ours say which step of which scan is done, or why not."""
    from nipype import config
    from nipype import logging as nipype_logging

    for key in ("workflow_level", "interface_level", "utils_level"):
        config.set("logging", key, "CRITICAL")
    nipype_logging.update_logging(config)


def _plugin_settings(path: Path) -> dict[str, Any]:
    import yaml

    try:
        settings = yaml.safe_load(path.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise NeuroFMError(
            f"the plugin file cannot be read ({error})", where=path, code=Exit.USAGE
        ) from error
    if not isinstance(settings, dict) or not set(settings) <= {"plugin", "plugin_args"}:
        raise NeuroFMError("a plugin file holds 'plugin' and 'plugin_args' only", where=path, code=Exit.USAGE)
    return settings
