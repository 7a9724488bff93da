"""The graph that is made from the table of steps, and what becomes of an error in a step."""

import copy
import errno
import json
import os
import pickle
from dataclasses import replace
from types import MappingProxyType

import pytest

from neurofm_bids.config import Processing
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.pipeline.nipype_graph import (
    TIMING,
    StepInterface,
    failure_of,
    read_failure,
    scans_graph,
    step_folder,
)
from neurofm_bids.pipeline.steps import STEPS
from neurofm_bids.pipeline.task import Task
from neurofm_bids.records.scan import Identity

SCAN = Identity("bids:raw:sub-01/anat/sub-01_T1w.nii.gz", "sub-01", "01")
TASK = Task("missing_T1w.nii.gz", SCAN, {}, Processing(attribution=("age",)), "", threads=2)
MEMORY = "memory could not be allocated"


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")
    return scans_graph([TASK, TASK], [10**7, 10**9], folder, memory_gb=4.0, gpu=True)


def test_each_scan_has_one_node_per_step(graph):
    assert sorted(graph.list_node_names()) == sorted(f"scan_{i}.{s.name}" for i in (0, 1) for s in STEPS)


@pytest.mark.parametrize(
    ("settings", "left_out"),
    [({}, {"attribution"}), ({"attribution": ("age",), "no_anatomy": True}, {"anatomy"})],
)
def test_a_step_that_a_scan_does_not_need_has_no_node(settings, left_out, tmp_path):
    task = replace(TASK, processing=Processing(**settings))
    graph = scans_graph([task], [10**7], tmp_path, memory_gb=4.0)
    assert set(graph.list_node_names()) == {f"scan_0.{s.name}" for s in STEPS if s.name not in left_out}


class EdgesOnly:
    """A nipype plugin that runs nothing and keeps the edges of the graph."""

    plugin_args = MappingProxyType({})

    def run(self, graph, **_):
        edges = graph.edges(data=True)
        self.edges = {(a.name, b.name, name) for a, b, data in edges for name, _ in data["connect"]}


@pytest.mark.parametrize("settings", [{"attribution": ("age",)}, {"no_anatomy": True}])
def test_edges_are_the_declared_inputs_of_the_steps_that_are_needed(settings, tmp_path):
    plugin, task = EdgesOnly(), replace(TASK, processing=Processing(**settings))
    scans_graph([task], [10**7], tmp_path, memory_gb=4.0).run(plugin=plugin)
    needed = [step for step in STEPS if step.is_needed(task.processing)]
    declared = {
        (maker.name, step.name, name)
        for step in needed
        for name in step.inputs
        for maker in needed
        if name in maker.outputs
    }
    assert plugin.edges == declared


def test_needs_are_those_of_the_table(graph):
    for step in STEPS:
        node = graph.get_node(f"scan_0.{step.name}")
        assert node.mem_gb == pytest.approx(step.memory.gb(10**7))
        assert node.n_procs == (2 if step.parallel else 1)
        assert node.is_gpu_node() == step.gpu


def test_no_step_asks_for_more_memory_than_the_run_has(graph):
    assert max(graph.get_node(f"scan_1.{step.name}").mem_gb for step in STEPS) == 4.0


@pytest.mark.parametrize("way", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_interfaces_travel_to_workers(way):
    interface = StepInterface("registration", TASK)
    interface.inputs.mask = "/work/mask.nii"
    there = way(interface)
    assert (there.inputs.mask, there.inputs.task) == ("/work/mask.nii", TASK)


def test_a_failed_step_leaves_its_reason_and_what_it_took(graph, tmp_path):
    node = scans_graph([TASK], [10**7], tmp_path, memory_gb=4.0).get_node("scan_0.brain_extraction")
    node.base_dir = str(tmp_path)
    with pytest.raises(Exception, match="missing_T1w"):
        node.run()
    failure = read_failure(tmp_path / "scan_0" / "brain_extraction")
    assert (failure.scan, failure.subject, failure.step) == (SCAN.path, "01", "brain_extraction")
    assert json.loads((tmp_path / "scan_0" / "brain_extraction" / TIMING).read_text())["seconds"] >= 0


def test_no_failure_is_recorded_where_none_was(tmp_path):
    assert read_failure(tmp_path) is None


def test_folders_of_steps(tmp_path):
    assert step_folder(tmp_path, 3, "encode") == tmp_path / "chunk" / "scan_3" / "encode"


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (MemoryError("Unable to allocate 2 GiB"), Exit.DATA, MEMORY),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), Exit.DATA, MEMORY),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), Exit.DATA, MEMORY),
        (RuntimeError("std::bad_alloc"), Exit.DATA, MEMORY),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), Exit.IO, "the disk is full"),
        (OSError(errno.ESTALE, os.strerror(errno.ESTALE)), Exit.IO, "stale file handle"),
        (FileNotFoundError(errno.ENOENT, "No such file", "/data/x.nii"), Exit.DATA, "/data/x.nii"),
        (OSError(errno.EIO, "I/O error", "/\udcff"), Exit.IO, "writing failed (I/O error): /\ufffd"),
        (NeuroFMError("all voxels are zero"), Exit.DATA, "all voxels are zero"),
        (KeyError("x"), Exit.SOFTWARE, "KeyError"),
        (RuntimeError("a misallocation of blame"), Exit.SOFTWARE, "RuntimeError"),
    ],
)
def test_a_failure_says_what_and_whose_it_is(tmp_path, error, code, words):
    failure = failure_of(error, TASK, "encode", tmp_path)
    assert words in failure.reason
    assert failure.code == code
    assert bool(failure.traceback) == (code == Exit.SOFTWARE)
