"""Graphs whose workers die, fail or share memory, and the nipype hooks used."""

import errno
import inspect
import signal

import nipype
import pytest
from nipype.pipeline.plugins.multiproc import MultiProcPlugin

from neurofm_bids.config import Resources
from neurofm_bids.engine.plugin import SurvivingPlugin, execute
from neurofm_bids.engine.workers import Workers
from neurofm_bids.errors import NeuroFMError


# nipype runs these from their source text, so they import what they need.
def die(number):
    import os

    os.kill(os.getpid(), number)


def die_once(marker):
    import os
    import signal
    from pathlib import Path

    if not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return marker


def work(number):
    return number + 1


def overlap(folder, name, patience):
    """Return whether another of these is running at the same time."""
    import time
    from pathlib import Path

    mine, end, seen = Path(folder) / name, time.monotonic() + patience, False
    mine.touch()
    while time.monotonic() < end and not seen:
        time.sleep(0.05)
        seen = len(list(Path(folder).glob("at-work-*"))) > 1
    time.sleep(0.2)  # so that the other one sees this one too
    mine.unlink()
    return seen


def die_in_company(folder, name):
    """Be killed if another of these is running at the same time."""
    import os
    import time
    from pathlib import Path

    died, mine = Path(folder) / "died", Path(folder) / f"{name}-{os.getpid()}"
    mine.touch()
    end = time.monotonic() + (0.6 if died.exists() else 20)
    while time.monotonic() < end:
        time.sleep(0.05)
        if len(list(Path(folder).glob("at-work-*"))) > 1:
            time.sleep(0.2)
            mine.unlink()
            died.touch()
            os.kill(os.getpid(), 9)
    mine.unlink()
    return name


def threads(number):

    import numpy as np
    import scipy.linalg  # noqa: F401
    import threadpoolctl
    import torch

    np.ones((400, 400)) @ np.ones((400, 400))
    pools = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
    return max(*pools, torch.get_num_threads())


class Recorder:
    """Remembers what it was notified of."""

    def __init__(self):
        self.events, self.reasons, self.errno = [], {}, {}

    def started(self, node):
        self.events.append((node.name, "start"))

    def ended(self, node):
        self.events.append((node.name, "end"))

    def failed(self, node, trace, errno):
        self.events.append((node.name, "failed"))
        self.reasons[node.name], self.errno[node.name] = trace, errno

    def retried(self, node, death):
        self.events.append((node.name, "retried"))

    def killed(self, node, death):
        self.events.append((node.name, "killed"))
        self.reasons[node.name] = str(death)

    def nodes(self, event):
        return {name for name, status in self.events if status == event}


def graph(folder, functions, node_gb):
    from nipype import Function, Node, Workflow

    chunk = Workflow("chunk", base_dir=str(folder))
    chunk.config["execution"] = {"poll_sleep_duration": "0.1", "crashdump_dir": str(folder)}
    for name, (function, inputs) in functions.items():
        step = Function(input_names=list(inputs), output_names=["out"], function=function)
        node = Node(step, name=name, mem_gb=node_gb)
        for key, value in inputs.items():
            setattr(node.inputs, key, value)
        chunk.add_nodes([node])
    return chunk


@pytest.fixture
def run_graph(tmp_path):
    def run(functions, node_gb=0.2, **settings):
        resources = Resources(nprocs=2, **settings)
        recorder = Recorder()
        with Workers(1, tmp_path) as workers:
            execute(graph(tmp_path, functions, node_gb), resources, workers, recorder)
        return recorder

    return run


@pytest.mark.fault("A worker is killed (SIGKILL)", "only its scan fails, with a message about memory")
def test_a_killed_worker_costs_only_its_node(run_graph):
    recorder = run_graph(
        {"bad": (die, {"number": 9}), "one": (work, {"number": 1}), "two": (work, {"number": 2})}
    )
    assert recorder.nodes("killed") == {"bad"}
    assert recorder.nodes("end") == {"one", "two"}
    assert "was killed (SIGKILL)" in recorder.reasons["bad"]
    assert "--mem" in recorder.reasons["bad"]


@pytest.mark.fault(
    "A library crashes (SIGSEGV, SIGABRT)", "only its scan fails, and the message names the signal"
)
@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_a_crash_in_a_library_names_its_signal(run_graph, number):
    recorder = run_graph({"bad": (die, {"number": int(number)}), "one": (work, {"number": 1})})
    assert number.name in recorder.reasons["bad"]
    assert recorder.nodes("end") == {"one"}


@pytest.mark.fault("A worker is killed once", "the step is tried once more, on its own")
def test_a_worker_killed_once_is_tried_again(run_graph, tmp_path):
    marker = str(tmp_path / "marker")
    recorder = run_graph({"once": (die_once, {"marker": marker})})
    assert recorder.nodes("end") == {"once"}
    assert recorder.nodes("killed") == set()


def test_an_observer_that_raises_ends_the_run_and_hangs_nothing(tmp_path):
    class Hopeless(Recorder):
        def killed(self, node, death):
            raise NeuroFMError("the disk is full")

    functions = {name: (die, {"number": 9}) for name in ("one", "two", "three")}
    resources = Resources(nprocs=2)
    with Workers(1, tmp_path) as workers, pytest.raises(NeuroFMError, match="the disk is full"):
        execute(graph(tmp_path, functions, 0.2), resources, workers, Hopeless())


def test_second_tries_are_alone(run_graph, tmp_path):
    functions = {
        name: (die_in_company, {"folder": str(tmp_path), "name": name})
        for name in ("at-work-one", "at-work-two", "at-work-three")
    }
    recorder = run_graph(functions)
    assert recorder.nodes("end") == set(functions)
    assert (tmp_path / "died").exists()


@pytest.mark.fault("Libraries that start one thread per core", "each respects the thread limit")
def test_no_library_of_a_worker_has_more_threads_than_it_should(run_graph, tmp_path):
    from nipype.utils.filemanip import loadpkl

    run_graph({"count": (threads, {"number": 0})})
    result = loadpkl(next(tmp_path.glob("chunk/count/result_*.pklz")))
    assert result.outputs.out == 1


@pytest.mark.fault("--mem is less than the waiting steps need together", "they run one after another")
@pytest.mark.parametrize(("memory_gb", "together"), [(2.0, False), (4.0, True)])
def test_steps_are_admitted_by_their_need(run_graph, tmp_path, memory_gb, together):
    from nipype.utils.filemanip import loadpkl

    names, patience = ("at-work-one", "at-work-two"), 20 if together else 0.5
    inputs = {"folder": str(tmp_path), "patience": patience}
    functions = {name: (overlap, {**inputs, "name": name}) for name in names}
    recorder = run_graph(functions, memory_gb=memory_gb, node_gb=1.5)
    assert recorder.nodes("end") == set(names)
    results = [loadpkl(path) for path in tmp_path.glob("chunk/*/result_*.pklz")]
    assert any(result.outputs.out for result in results) == together


def test_plugin_file(run_graph, tmp_path):
    path = tmp_path / "plugin.yml"
    path.write_text("plugin: Linear\n")
    recorder = run_graph({"one": (work, {"number": 1})}, use_plugin=path)
    assert recorder.events == []  # nipype's own plugin reports nothing to us, but it ran
    assert (tmp_path / "chunk" / "one" / "result_one.pklz").is_file()


@pytest.mark.parametrize("text", ["- a list", "plugin: Linear\nother: 1", "{"])
def test_wrong_plugin_file(run_graph, tmp_path, text):
    path = tmp_path / "plugin.yml"
    path.write_text(text)
    with pytest.raises(NeuroFMError, match="plugin file"):
        run_graph({"one": (work, {"number": 1})}, use_plugin=path)


def test_a_plugin_file_that_is_not_downloaded(run_graph, tmp_path):
    path = tmp_path / "plugin.yml"
    path.write_text("/annex/objects/MD5E-s9--0.yml\n")
    with pytest.raises(NeuroFMError, match="the plugin file has not been downloaded"):
        run_graph({"one": (work, {"number": 1})}, use_plugin=path)


def exhaust(folder):
    """Leave no folder to write to, and raise."""
    import shutil

    shutil.rmtree(folder)
    raise ValueError("no errno here")


def test_a_folder_that_cannot_be_written_to_is_told_by_its_number(run_graph, tmp_path):
    recorder = run_graph({"bad": (exhaust, {"folder": str(tmp_path)})})
    assert recorder.errno == {"bad": errno.ENOENT}


def fail(number):
    raise ValueError(f"number {number}")


def test_an_exception_is_told_with_its_traceback(run_graph):
    recorder = run_graph({"bad": (fail, {"number": 3}), "one": (work, {"number": 1})})
    assert "ValueError: number 3" in recorder.reasons["bad"]
    assert recorder.errno == {"bad": None}
    assert recorder.nodes("end") == {"one"}


# Parameters of what SurvivingPlugin overrides, and of what it relies on, in nipype 1.10 and 1.11.
OVERRIDDEN = {
    "_clear_task": ("taskid",),
    "_get_result": ("taskid",),
    "_postrun_check": (),
    "_report_crash": ("node", "result"),
    "_send_procs_to_workers": ("updatehash", "graph"),
    "_sort_jobs": ("jobids", "scheduler"),
    "_submit_job": ("node", "updatehash"),
}
CALLED = {
    "_check_resources": ("running_tasks",),
    "_clean_queue": ("jobid", "graph", "result"),
    "_prerun_check": ("graph",),
    "_task_finished_cb": ("jobid", "cached"),
    "run": ("graph", "config", "updatehash"),
}
ATTRIBUTES = ("_status_callback", "_task_obj", "_taskid", "memory_gb", "pending_tasks", "pool", "procs")
NODE = {"run": ("updatehash",), "is_gpu_node": ()}


def changed(name):
    return f"nipype {nipype.__version__} has another {name}: see neurofm_bids.engine.plugin"


@pytest.mark.parametrize(
    ("kind", "method", "parameters"),
    [
        *((MultiProcPlugin, *item) for item in (OVERRIDDEN | CALLED).items()),
        *((nipype.Node, *item) for item in NODE.items()),
    ],
)
def test_methods_of_nipype_are_those_that_were_tested(kind, method, parameters):
    function = getattr(kind, method, None)
    assert function is not None, changed(method)
    assert tuple(inspect.signature(function).parameters)[1:] == parameters, changed(method)


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_attributes_of_nipype_are_those_that_were_tested(attribute):
    plugin = MultiProcPlugin(plugin_args={"n_procs": 1})
    plugin.pool.shutdown()
    assert hasattr(plugin, attribute), changed(attribute)


def test_every_overridden_method_is_in_the_table():
    overridden = {name for name in vars(SurvivingPlugin) if hasattr(MultiProcPlugin, name)}
    assert {name for name in overridden if not name.startswith("__")} == set(OVERRIDDEN)
