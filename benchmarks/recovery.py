"""How long a run takes to decide that there is nothing to do, and to write all reports again.

Processes one small brain, copies its outputs to as many participants as asked for (their reports are written
by the command itself), and times the second of two runs, and one with --reports-only.

    python benchmarks/recovery.py [N]
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.conftest import brain_image
from tests.faults.command import arguments, make_dataset


def multiply(root: Path, out: Path, count: int) -> None:
    """Give the outputs of the participant 00 to the others; images are links to one file."""
    image = root / "sub-00" / "anat" / "sub-00_T1w.nii.gz"
    for number in range(1, count):
        name = f"sub-{number:05d}"
        target = root / name / "anat" / f"{name}_T1w.nii.gz"
        target.parent.mkdir(parents=True)
        os.link(image, target)
        for path in (path for path in (out / "sub-00").rglob("*") if path.is_file()):
            copy = out / str(path.relative_to(out)).replace("sub-00", name)
            copy.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".json":
                text = path.read_text().replace("sub-00", name).replace('"00"', f'"{number:05d}"')
                copy.write_text(text)
            else:
                shutil.copy(path, copy)


def timed(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder) / "bids", Path(folder) / "out"
        make_dataset(root, brain_image.__wrapped__(), 1)
        command = arguments(root, out)
        print(f"one scan, all of it: {timed(command):.1f} s")
        multiply(root, out, count)
        print(f"{count} scans, no report is there: {timed(command):.1f} s")
        print(f"{count} scans, nothing to do: {timed(command):.1f} s and {timed(command):.1f} s")
        print(f"{count} scans, --reports-only: {timed([*command, '--reports-only']):.1f} s")


if __name__ == "__main__":
    main()
