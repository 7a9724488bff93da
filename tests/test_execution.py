import json
import time

import pytest

from neurofm_bids.config import Config
from neurofm_bids.errors import NeuroFMError


# nipype runs these from their source text, so they import what they need.
def die():
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL)


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


def graph(folder, functions):
    from nipype import Function, Node, Workflow

    chunk = Workflow("chunk", base_dir=str(folder))
    chunk.config["execution"] = {"poll_sleep_duration": "0.1", "crashdump_dir": str(folder)}
    for name, (function, inputs) in functions.items():
        step = Function(input_names=list(inputs), output_names=["out"], function=function)
        node = Node(step, name=name)
        for key, value in inputs.items():
            setattr(node.inputs, key, value)
        chunk.add_nodes([node])
    return chunk


@pytest.fixture
def run_graph(tmp_path):
    from neurofm_bids.workflow.execution import Workers, execute

    def run(functions, **settings):
        config = Config(tmp_path, tmp_path, nprocs=2, **settings)
        workers, seen = Workers(2, 1), []
        try:
            execute(
                graph(tmp_path, functions), config, workers, lambda node, what: seen.append((node.name, what))
            )
        finally:
            workers.close()
        return seen

    return run


def test_a_killed_worker_costs_only_its_node(run_graph, tmp_path):
    start = time.monotonic()
    seen = run_graph({"bad": (die, {}), "one": (work, {"number": 1}), "two": (work, {"number": 2})})
    assert ("bad", "exception") in seen
    assert {name for name, what in seen if what == "end"} == {"one", "two"}
    record = json.loads((tmp_path / "chunk" / "bad" / "failure.json").read_text())
    assert "killed" in record["reason"]
    assert "--mem" in record["fix"]
    assert time.monotonic() - start < 300  # it ends at all: a lost node must not hang the run


def test_a_worker_killed_once_is_tried_again(run_graph, tmp_path):
    marker = str(tmp_path / "marker")
    seen = run_graph({"once": (die_once, {"marker": marker})})
    assert ("once", "end") in seen
    assert ("once", "exception") not in seen


def test_plugin_file(run_graph, tmp_path):
    path = tmp_path / "plugin.yml"
    path.write_text("plugin: Linear\n")
    seen = run_graph({"one": (work, {"number": 1})}, use_plugin=path)
    assert seen == []  # nipype's own plugin reports nothing to us, but it ran
    assert (tmp_path / "chunk" / "one" / "result_one.pklz").is_file()


@pytest.mark.parametrize("text", ["- a list", "plugin: Linear\nother: 1", "{"])
def test_wrong_plugin_file(run_graph, tmp_path, text):
    path = tmp_path / "plugin.yml"
    path.write_text(text)
    with pytest.raises(NeuroFMError, match="plugin file"):
        run_graph({"one": (work, {"number": 1})}, use_plugin=path)
