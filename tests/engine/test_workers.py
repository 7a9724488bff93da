"""Worker processes that work, fail and die."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from neurofm_bids.engine.workers import Workers
from neurofm_bids.errors import Exit, NeuroFMError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def workers(tmp_path):
    with Workers(3, tmp_path) as workers:
        yield workers


def end(exit_code):
    os._exit(exit_code)


def kill(number):
    os.kill(os.getpid(), number)


def refuse():
    raise NeuroFMError("no weights", where="file", fix="Fetch them.", code=Exit.NO_INPUT)


def test_calls_return_what_the_function_returns(workers):
    assert workers.call(divmod, 7, 2) == (3, 1)


def test_errors_of_ours_come_back_whole(workers):
    with pytest.raises(NeuroFMError, match=r"no weights: file\. Fetch them\.") as error:
        workers.call(refuse)
    assert error.value.code is Exit.NO_INPUT


@pytest.mark.parametrize(
    ("function", "args", "message"),
    [(int, ("x",), "ValueError: invalid literal"), (memoryview, (b"",), "pickle")],
)
def test_other_errors_come_back_with_the_traceback_of_the_worker(workers, function, args, message):
    with pytest.raises(RuntimeError, match=message):
        workers.call(function, *args)
    assert workers.call(abs, -1) == 1


@pytest.mark.parametrize(
    ("function", "number", "reason"),
    [
        (kill, signal.SIGKILL, "was killed (SIGKILL)"),
        (kill, signal.SIGSEGV, "crashed (SIGSEGV)"),
        (end, 3, "crashed (exit code 3)"),
    ],
)
def test_death_names_its_cause_and_costs_one_call(workers, function, number, reason):
    beside = workers.submit(time.sleep, 0.5)
    with pytest.raises(NeuroFMError) as error:
        workers.call(function, number)
    assert reason in error.value.reason
    assert "--mem" in error.value.fix
    assert error.value.code is Exit.TRY_AGAIN
    assert beside.result() is None
    assert workers.call(abs, -1) == 1


def test_lack_of_memory_in_the_control_group_is_named(workers, monkeypatch):
    kills = iter([3, 4])
    monkeypatch.setattr("neurofm_bids.engine.workers.out_of_memory_kills", lambda: next(kills))
    with pytest.raises(NeuroFMError, match="the memory of the control group ran out"):
        workers.call(kill, signal.SIGKILL)


def test_an_idle_worker_that_was_killed_costs_nothing(workers):
    process = psutil.Process(workers.call(os.getpid))
    process.kill()
    psutil.wait_procs([process], timeout=10)
    assert workers.call(os.getpid) != process.pid


def test_a_task_tells_whether_it_is_over(workers):
    task = workers.submit(time.sleep, 0.3)
    assert not task.is_over()
    assert task.result() is None
    assert task.is_over()
    assert not task.is_lost()


def test_the_reserved_worker_does_nothing_else(workers):
    reserved = workers.call(os.getpid, reserved=True)
    other = workers.call(os.getpid)
    assert other != reserved
    assert workers.call(os.getpid, reserved=True) == reserved
    workers.unreserve()
    tasks = [workers.submit(os.getpid) for _ in range(2)]
    assert {task.result() for task in tasks} == {reserved, other}


def test_a_reserved_worker_that_dies_is_replaced(workers):
    with pytest.raises(NeuroFMError):
        workers.call(kill, signal.SIGKILL, reserved=True)
    reserved = workers.call(os.getpid, reserved=True)
    assert workers.call(os.getpid) != reserved


def test_idle_workers_are_trimmed_but_not_the_reserved_one(workers):
    reserved = psutil.Process(workers.call(os.getpid, reserved=True))
    tasks = [workers.submit(os.getpid) for _ in range(2)]
    processes = [psutil.Process(task.result()) for task in tasks]
    for task in tasks:
        workers.give_back(task)
    for count in (1, 0):
        workers.trim(count)
        _, alive = psutil.wait_procs(processes, timeout=2)
        assert len(alive) == count
    assert reserved.is_running()


def test_a_worker_that_is_given_back_while_busy_is_ended(workers):
    process = psutil.Process(workers.call(os.getpid))
    workers.give_back(workers.submit(time.sleep, 60))
    assert psutil.wait_procs([process], timeout=5)[1] == []


def environment():
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TMPDIR")
    return [os.environ[name] for name in names], Path("/proc/self/oom_score_adj").read_text().strip()


def test_workers_have_bounds_a_temporary_folder_and_are_ended_first(workers, tmp_path):
    assert workers.call(environment) == (["3", "3", str(tmp_path)], "500")


def test_a_system_that_allows_no_process_is_an_error(workers, monkeypatch):
    def refuse(*_):
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("multiprocessing.context.ForkServerProcess.start", refuse)
    with pytest.raises(NeuroFMError, match=r"worker processes cannot be started .*ulimit -u") as error:
        workers.call(abs, -1)
    assert error.value.code is Exit.CANT_CREATE


ORPHAN = """
import os, time
from pathlib import Path
from neurofm_bids.engine.workers import Workers
workers = Workers(1, Path("."))
print(workers.call(os.getpid), flush=True)
workers.submit(time.sleep, 600)
time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_the_command_however_it_ends(number):
    command = subprocess.Popen([sys.executable, "-c", ORPHAN], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    worker = psutil.Process(int(command.stdout.readline()))
    command.send_signal(number)
    command.wait()
    assert psutil.wait_procs([worker], timeout=10)[1] == []


def test_importing_the_workers_imports_nothing_that_starts_threads():
    code = "import sys, neurofm_bids.engine.workers; print({'numpy', 'torch', 'nipype'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "set()", done.stderr
