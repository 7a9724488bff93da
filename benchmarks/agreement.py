"""How far the predictions of two output folders differ, such as those of two versions of the program.

Prints for each prediction the number of scans in both folders, and the median and largest difference in
standard deviations over the passes of the first folder.

    python benchmarks/agreement.py OUT_DIR OTHER_OUT_DIR
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np


def differences(out: Path, other: Path) -> dict[str, list[float]]:
    found = defaultdict(list)
    for path in sorted(out.glob("sub-*/**/*_predictions.json")):
        twin = other / path.relative_to(out)
        if not twin.is_file():
            continue
        one, two = (json.loads(file.read_text())["Predictions"] for file in (path, twin))
        for name in one.keys() & two.keys():
            found[name].append(abs(one[name]["Value"] - two[name]["Value"]) / one[name]["SD"])
    return found


def main() -> None:
    for name, values in sorted(differences(*map(Path, sys.argv[1:3])).items()):
        print(f"| {name} | {len(values)} | {np.median(values):.3f} | {max(values):.3f} |")


if __name__ == "__main__":
    main()
