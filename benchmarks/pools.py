"""Which pool of worker processes keeps the promises of docs/reliability.md: our own, pebble, or loky.

Each pool gets the same faults: an idle worker is killed, a worker is killed or crashes beside another call,
and the command itself is killed (SIGKILL) while a worker computes.

    python benchmarks/pools.py
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from neurofm_bids.engine.workers import Workers


def die(number):
    os.kill(os.getpid(), number)


def compute(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    return os.getpid()


def threads():
    """Return whether numpy came before the bound, and the bound."""
    return "numpy" in sys.modules, os.environ.get("OMP_NUM_THREADS")


def bound():
    os.environ["OMP_NUM_THREADS"] = "1"


class Own:
    """Ours, one pipe and one process for each call."""

    def __init__(self):
        self.pool = Workers(1, Path(tempfile.gettempdir()))
        self.submit = self.pool.submit

    def wait(self, task):
        """Return the result and make the worker available again."""
        try:
            return task.result()
        finally:
            self.pool.give_back(task)

    def close(self):
        """End the workers."""
        self.pool.__exit__(None, None, None)


class Pebble:
    """One pool of pebble with two workers."""

    def __init__(self):
        import pebble

        context = multiprocessing.get_context("forkserver")
        self.pool = pebble.ProcessPool(2, initializer=bound, context=context)
        self.submit = lambda function, *args: self.pool.schedule(function, args)
        self.wait, self.close = (lambda future: future.result(60)), self.pool.stop


class Loky:
    """One executor of loky with two workers."""

    def __init__(self):
        from loky import ProcessPoolExecutor

        self.pool = ProcessPoolExecutor(2, env={"OMP_NUM_THREADS": "1"})
        self.submit, self.wait = self.pool.submit, lambda future: future.result(60)
        self.close = lambda: self.pool.shutdown(kill_workers=True)


def outcome(pool, function, *args):
    """Submit a call; return a function that waits for it and tells what became of it."""
    try:
        task = pool.submit(function, *args)
    except Exception as error:
        refusal = f"refused ({type(error).__name__})"
        return lambda: refusal

    def wait():
        try:
            return f"returned {pool.wait(task)}"
        except Exception as error:
            code = getattr(error, "exitcode", None)
            return f"{type(error).__name__} with exit code {code} ({' '.join(str(error).split())[:100]})"

    return wait


def faults(kind):
    pool, began = kind(), time.monotonic()
    print("first call |", outcome(pool, threads)(), f"after {time.monotonic() - began:.2f} s")
    idle = outcome(pool, compute, 0)()
    os.kill(int(idle.split()[1]), signal.SIGKILL)
    time.sleep(0.5)
    print("idle worker killed |", outcome(pool, compute, 0)())
    for number in (signal.SIGKILL, signal.SIGSEGV):
        pool.close()
        pool = kind()
        beside = outcome(pool, compute, 2)
        time.sleep(0.5)
        print(number.name, "|", outcome(pool, die, number)(), "| beside:", beside())
        print("next call |", outcome(pool, compute, 0)())
    pool.close()


def orphans(kind):
    """Kill a command with a busy worker; return seconds until its processes are gone, 20 at most."""
    code = (
        "import os, pools, time\n"
        f"pool = pools.{kind.__name__}(); task = pool.submit(pools.compute, 600)\n"
        "time.sleep(3); print('busy', flush=True); time.sleep(600)"
    )
    command = subprocess.Popen(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, stdout=subprocess.PIPE, text=True
    )
    command.stdout.readline()
    left, began = psutil.Process(command.pid).children(recursive=True), time.monotonic()
    command.kill()
    _, alive = psutil.wait_procs(left, timeout=20)
    for process in alive:
        process.kill()
    return f"{len(alive)} of {len(left)} processes left after {time.monotonic() - began:.1f} s"


if __name__ == "__main__":
    names = {kind.__name__: kind for kind in (Own, Pebble, Loky)}
    if len(sys.argv) > 1:
        faults(names[sys.argv[1]])
        print("command killed |", orphans(names[sys.argv[1]]))
    else:
        for name in names:
            print(f"\n{name}", flush=True)
            subprocess.run([sys.executable, __file__, name])
