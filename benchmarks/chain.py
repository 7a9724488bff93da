"""CPU seconds, wall seconds and peak memory of the participant level on one scan, all processes counted.

Usage: python benchmarks/chain.py BIDS_DIR [LABEL ...]

Runs the command of a user, each participant in a fresh output folder with one processor, and samples the
memory (sum of the proportional set sizes) of the command and its children every 0.2 s. CPU seconds of each
step are those of its timing.tsv, libraries imported in the step included; the rest is the command itself,
starting its worker, and the report.
"""

import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil


def tree(process):
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def sample(processes, cpu):
    """Return the memory now, and note the CPU time of each process so far."""
    total = 0
    for process in processes:
        try:
            total += process.memory_full_info().pss
            times = process.cpu_times()
            cpu[process.pid] = times.user + times.system
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total


def measure(bids_dir, label):
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "neurofm_bids", str(bids_dir), f"{folder}/out", "participant"]
        command += ["--participant-label", label, "-w", f"{folder}/work", "--nprocs", "1"]
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        start, peak, cpu = time.perf_counter(), 0, {}
        run = subprocess.Popen(command, env={**os.environ, **threads})
        watched = psutil.Process(run.pid)
        while run.poll() is None:
            peak = max(peak, sample(tree(watched), cpu))
            time.sleep(0.2)
        wall = time.perf_counter() - start
        steps = cpu_of_steps(Path(folder) / "out")
    return run.returncode, sum(cpu.values()), wall, peak / 1e9, steps


def cpu_of_steps(out_dir):
    """Return the CPU seconds of each step by its name."""
    rows = []
    for path in out_dir.glob("logs/*/timing.tsv"):
        with path.open() as stream:
            rows += csv.DictReader(stream, delimiter="\t")
    return {row["step"]: float(row["cpu_seconds"]) for row in rows}


def main():
    bids_dir = Path(sys.argv[1])
    labels = sys.argv[2:] or sorted(p.name[4:] for p in bids_dir.glob("sub-*") if p.is_dir())
    for label in labels:
        code, used, wall, peak, steps = measure(bids_dir, label)
        print(
            f"sub-{label}\texit {code}\tCPU {used:.1f} s\twall {wall:.1f} s\tpeak {peak:.2f} GB", flush=True
        )
        steps["rest"] = used - sum(steps.values())
        print(*(f"{name} {seconds:.1f}" for name, seconds in steps.items()), sep="\t", flush=True)


if __name__ == "__main__":
    main()
