import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from neurofm_bids.config import Config, Resources
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


def overlap(folder, name):
    """Return whether another of these is at work at the same time."""
    import time
    from pathlib import Path

    mine, seen = Path(folder) / name, False
    mine.touch()
    for _ in range(30):
        time.sleep(0.1)
        seen = seen or len(list(Path(folder).glob("at-work-*"))) > 1
    mine.unlink()
    return seen


def die_in_company(folder, name):
    """Be killed if another of these is at work at the same time."""
    import os
    import time
    from pathlib import Path

    mine = Path(folder) / f"{name}-{os.getpid()}"
    mine.touch()
    for _ in range(20):
        time.sleep(0.1)
        if len(list(Path(folder).glob("at-work-*"))) > 1:
            time.sleep(0.5)
            mine.unlink()
            (Path(folder) / "died").touch()
            os.kill(os.getpid(), 9)
    mine.unlink()
    return name


def threads(number):
    import os

    import ants  # noqa: F401 -- loads ITK and its threads
    import numpy as np
    import scipy.linalg  # noqa: F401
    import threadpoolctl
    import torch

    np.ones((400, 400)) @ np.ones((400, 400))
    pools = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
    return max([*pools, torch.get_num_threads(), int(os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"])])


class Heard:
    """Remembers what it was told."""

    def __init__(self):
        self.events, self.reasons = [], {}

    def started(self, node):
        self.events.append((node.name, "start"))

    def ended(self, node):
        self.events.append((node.name, "end"))

    def failed(self, node, trace):
        self.events.append((node.name, "failed"))
        self.reasons[node.name] = trace

    def retried(self, node, reason):
        self.events.append((node.name, "retried"))

    def killed(self, node, reason, fix):
        self.events.append((node.name, "killed"))
        self.reasons[node.name] = f"{reason}. {fix}"

    def ends(self, what):
        return {name for name, said in self.events if said == what}


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
    from neurofm_bids.engine.plugin import execute
    from neurofm_bids.engine.workers import Workers

    def run(functions, node_gb=0.2, **settings):
        config = Config(tmp_path, tmp_path, resources=Resources(nprocs=2, **settings))
        heard = Heard()
        with Workers(1, tmp_path) as workers:
            execute(graph(tmp_path, functions, node_gb), config, workers, heard)
        return heard

    return run


@pytest.mark.fault("A worker is killed (SIGKILL)", "only its scan fails, and says that memory ran short")
def test_a_killed_worker_costs_only_its_node(run_graph):
    heard = run_graph(
        {"bad": (die, {"number": 9}), "one": (work, {"number": 1}), "two": (work, {"number": 2})}
    )
    assert heard.ends("killed") == {"bad"}
    assert heard.ends("end") == {"one", "two"}
    assert "for lack of memory" in heard.reasons["bad"]
    assert "--mem" in heard.reasons["bad"]


@pytest.mark.fault("A library crashes (SIGSEGV, SIGABRT)", "only its scan fails, and names the signal")
@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_a_crash_in_a_library_names_its_signal(run_graph, number):
    heard = run_graph({"bad": (die, {"number": int(number)}), "one": (work, {"number": 1})})
    assert number.name in heard.reasons["bad"]
    assert heard.ends("end") == {"one"}


@pytest.mark.fault("A worker is killed once, by chance", "the step is tried once more, alone")
def test_a_worker_killed_once_is_tried_again(run_graph, tmp_path):
    marker = str(tmp_path / "marker")
    heard = run_graph({"once": (die_once, {"marker": marker})})
    assert heard.ends("end") == {"once"}
    assert heard.ends("killed") == set()


def test_a_listener_that_raises_ends_the_run_and_hangs_nothing(tmp_path):
    from neurofm_bids.engine.plugin import execute
    from neurofm_bids.engine.workers import Workers

    class Hopeless(Heard):
        def killed(self, node, reason, fix):
            raise NeuroFMError("the disk is full")

    functions = {name: (die, {"number": 9}) for name in ("one", "two", "three")}
    config = Config(tmp_path, tmp_path, resources=Resources(nprocs=2))
    with Workers(1, tmp_path) as workers, pytest.raises(NeuroFMError, match="the disk is full"):
        execute(graph(tmp_path, functions, 0.2), config, workers, Hopeless())


def test_second_tries_are_alone(run_graph, tmp_path):
    functions = {
        name: (die_in_company, {"folder": str(tmp_path), "name": name})
        for name in ("at-work-one", "at-work-two", "at-work-three")
    }
    heard = run_graph(functions)
    assert heard.ends("end") == set(functions)
    assert (tmp_path / "died").exists()


@pytest.mark.fault("Libraries that start a thread per core", "each keeps to the bound")
def test_no_library_of_a_worker_has_more_threads_than_it_should(run_graph, tmp_path):
    from nipype.utils.filemanip import loadpkl

    run_graph({"count": (threads, {"number": 0})})
    result = loadpkl(next(tmp_path.glob("chunk/count/result_*.pklz")))
    assert result.outputs.out == 1


@pytest.mark.fault("--mem is less than the steps at hand need together", "they run one after another")
@pytest.mark.parametrize(("memory_gb", "together"), [(2.0, False), (4.0, True)])
def test_steps_are_admitted_by_their_need(run_graph, tmp_path, memory_gb, together):
    from nipype.utils.filemanip import loadpkl

    names = ("at-work-one", "at-work-two")
    functions = {name: (overlap, {"folder": str(tmp_path), "name": name}) for name in names}
    heard = run_graph(functions, memory_gb=memory_gb, node_gb=1.5)
    assert heard.ends("end") == set(names)
    results = [loadpkl(path) for path in tmp_path.glob("chunk/*/result_*.pklz")]
    assert any(result.outputs.out for result in results) == together


def test_plugin_file(run_graph, tmp_path):
    path = tmp_path / "plugin.yml"
    path.write_text("plugin: Linear\n")
    heard = run_graph({"one": (work, {"number": 1})}, use_plugin=path)
    assert heard.events == []  # nipype's own plugin reports nothing to us, but it ran
    assert (tmp_path / "chunk" / "one" / "result_one.pklz").is_file()


@pytest.mark.parametrize("text", ["- a list", "plugin: Linear\nother: 1", "{"])
def test_wrong_plugin_file(run_graph, tmp_path, text):
    path = tmp_path / "plugin.yml"
    path.write_text(text)
    with pytest.raises(NeuroFMError, match="plugin file"):
        run_graph({"one": (work, {"number": 1})}, use_plugin=path)


def test_importing_the_workers_imports_nothing_that_starts_threads():
    code = "import sys, neurofm_bids.engine.workers; print({'numpy', 'torch', 'nipype'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        env=dict(os.environ),
    )
    assert done.stdout.strip() == "set()", done.stderr
