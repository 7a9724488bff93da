"""What precedes the program in a task of a test: it lets a task use too much memory, or its node fail.

``python on_node.py neurofm ARGUMENT...`` with the numbers of such tasks in HUNGRY and FAILING; each in its
first attempt only.
"""

import os
import subprocess
import sys
import time

HUNGRY_MB = 2800  # more than a task gets at first, less than in its second attempt


def main():
    task, memory = os.environ["SLURM_ARRAY_TASK_ID"], int(os.environ["SLURM_MEM_PER_NODE"])
    if task == os.environ.get("HUNGRY") and memory < HUNGRY_MB:
        held = b"x" * (HUNGRY_MB * 2**20)
        time.sleep(120)
        sys.exit(f"{len(held)} bytes were not too much")
    command = [sys.executable, "-m", "neurofm_bids", *sys.argv[2:]]
    if task == os.environ.get("FAILING") and "SLURM_RESTART_COUNT" not in os.environ:
        subprocess.Popen(command)
        time.sleep(4)
        subprocess.run(["scontrol", "requeue", os.environ["SLURM_JOB_ID"]], check=True)
        time.sleep(120)
        sys.exit("the node did not fail")
    os.execv(sys.executable, command)


if __name__ == "__main__":
    main()
