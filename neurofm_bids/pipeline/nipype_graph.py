"""The nipype graph of some scans, made from the table of steps; its nodes hold no logic."""

from __future__ import annotations

import errno
import json
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nipype.interfaces.base import DynamicTraitedSpec, SimpleInterface, traits
from nipype.interfaces.io import add_traits

from neurofm_bids.errors import ENDS_THE_RUN, MEMORY_FIX, Exit, NeuroFMError, os_error
from neurofm_bids.pipeline.hand_over import handed_over_path, interim_folder
from neurofm_bids.pipeline.resource_usage import Meter
from neurofm_bids.pipeline.step import Step
from neurofm_bids.pipeline.steps import EVERY_STEP, absent_values, producer, steps_of
from neurofm_bids.pipeline.task import Task
from neurofm_bids.records.failure import Failure
from neurofm_bids.records.schema import from_text, to_text
from neurofm_bids.storage.text import printable

if TYPE_CHECKING:
    from nipype import Node, Workflow

__all__ = ["TIMING", "StepInterface", "failure_of", "read_failure", "scans_graph", "step_folder"]

_FAILURE = "failure.json"  # what a failed step leaves in its folder
TIMING = "timing.json"  # what every step leaves there
_OUT_OF_MEMORY = ("t allocate memory", "cannot allocate", "unable to allocate", "bad_alloc", "bad allocation")
_STEP = {step.name: step for step in EVERY_STEP}


class StepInterface(SimpleInterface):  # type: ignore[misc]
    """Runs one step on files: reads its inputs, calls its function, writes its outputs.

    It leaves what it took in ``timing.json``, and why it failed in ``failure.json``.

    Parameters
    ----------
    step
        Name of the step.
    task
        The scan.
    """

    input_spec = output_spec = DynamicTraitedSpec

    def __init__(self, step: str, task: Task | None = None, **inputs: Any) -> None:
        super().__init__(**inputs)
        self._step = step
        add_traits(self.inputs, ["task", *_STEP[step].inputs], traits.Any)
        self.inputs.task = task

    def _add_output_traits(self, base: Any) -> Any:
        return add_traits(base, list(_STEP[self._step].outputs), traits.Any)

    def _outputs(self) -> Any:
        return self._add_output_traits(super()._outputs())

    def _run_interface(self, runtime: Any) -> Any:
        folder, step, meter = Path(runtime.cwd), _STEP[self._step], Meter()
        try:
            self._results.update(_run_on_files(step, self.inputs, folder))
        except Exception as error:
            failure = failure_of(error, self.inputs.task, step.name, folder)
            (folder / _FAILURE).write_text(to_text(failure, Failure), encoding="utf-8")
            raise
        finally:
            (folder / TIMING).write_text(json.dumps(meter.read()))
        return runtime


def _run_on_files(step: Step, inputs: Any, folder: Path) -> dict[str, str]:
    values = absent_values(inputs.task)
    for name in set(step.inputs) - values.keys():
        values[name] = producer(name).outputs[name].load(Path(getattr(inputs, name)))
    paths = {}
    for name, value in step.run(inputs.task, values).items():
        path = folder / f"{name}{step.outputs[name].extension}"
        step.outputs[name].save(value, path)
        paths[name] = str(path)
    return paths


def failure_of(error: Exception, task: Task, step: str, folder: Path) -> Failure:
    """Return why a step failed: what a user can act on, or with a traceback where that is not known.

    Parameters
    ----------
    folder
        Where the step worked.
    """
    known = _known(error, folder)
    if known is None:
        reason, fix = f"{type(error).__name__}: {error}", "Please report this with the crash file."
        trace, code = "".join(traceback.format_exception(error)), Exit.SOFTWARE
    else:
        # a path is that of the scan or of an intermediate file: the failure names the scan already
        reason = known.what if isinstance(known.where, Path) and known.code == Exit.DATA else known.reason
        fix, trace, code = known.fix, "", known.code
    scan = task.scan
    reason, fix, trace = map(printable, (reason, fix, trace))
    return Failure(scan.path, scan.subject or "", scan.stem, step, reason, fix, trace, code)


def _known(error: Exception, folder: Path) -> NeuroFMError | None:
    """Return what a user can act on in an error: of the scan, of memory, or of the disk."""
    if isinstance(error, NeuroFMError):
        return error
    if _is_lack_of_memory(error):
        return NeuroFMError("memory could not be allocated", fix=MEMORY_FIX)
    if isinstance(error, OSError) and error.errno is not None:
        known = os_error(error, str(error.filename or folder))
        if error.errno not in ENDS_THE_RUN and folder.is_dir():
            known.code = Exit.DATA  # of this scan alone: its image, say, is gone
        return known
    return None


def _is_lack_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _OUT_OF_MEMORY)


def read_failure(folder: Path) -> Failure | None:
    """Return the failure that a step recorded in its folder, or None."""
    try:
        failure: Failure = from_text(Failure, (folder / _FAILURE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return failure


def step_folder(folder: Path, index: int, step: str = "") -> Path:
    """Return the folder in which one step of the scan number ``index`` works, or that of all its steps."""
    return folder / "chunk" / f"scan_{index}" / step


def scans_graph(
    tasks: Sequence[Task],
    voxels: Sequence[int],
    folder: Path,
    *,
    memory_gb: float,
    gpu: bool = False,
    stop_on_first_crash: bool = False,
) -> Workflow:
    """Return the workflow of some scans, one sub-workflow ``scan_<n>`` each, working under ``folder``.

    Parameters
    ----------
    voxels
        Number of voxels of each scan.
    memory_gb
        Memory of the run: no step asks for more.
    gpu
        The network runs on a GPU: one process of the run does all of the encoding.
    """
    from nipype import Workflow

    chunk = Workflow("chunk", base_dir=str(folder))
    chunk.config["execution"] = {
        "crashdump_dir": str(folder),
        "crashfile_format": "txt",
        "hash_method": "timestamp",
        "poll_sleep_duration": "0.1",
        "remove_unnecessary_outputs": "false",
        "stop_on_first_crash": str(stop_on_first_crash).lower(),
        "check_version": "false",
        "create_report": "false",
    }
    for index, (task, size) in enumerate(zip(tasks, voxels, strict=True)):
        nodes = {
            step.name: _node(step, task, min(step.memory.gb(size), memory_gb), gpu)
            for step in steps_of(task.processing, task.stage)
        }
        chunk.add_nodes([_connected(f"scan_{index}", nodes, task)])
    return chunk


def _connected(name: str, nodes: dict[str, Node], task: Task) -> Workflow:
    """Return the graph of a scan; what an earlier stage made is read from where that left it."""
    from nipype import Workflow

    graph = Workflow(name)
    graph.add_nodes(list(nodes.values()))
    for name, node in nodes.items():
        for value in _STEP[name].inputs:
            maker = producer(value)
            if maker.name in nodes:
                graph.connect(nodes[maker.name], value, node, value)
            elif maker.is_needed(task.processing):
                folder = interim_folder(task.out_dir, task.scan)
                path = handed_over_path(folder, value, maker.outputs[value])
                setattr(node.inputs, value, str(path))
    return graph


def _node(step: Step, task: Task, memory_gb: float, gpu: bool) -> Node:
    from nipype import Node

    interface = StepInterface(step.name, task)
    if step.gpu and gpu:
        interface.inputs.trait_set(use_gpu=True)
    threads = task.threads if step.parallel else 1
    return Node(interface, name=step.name, mem_gb=memory_gb, n_procs=threads)
