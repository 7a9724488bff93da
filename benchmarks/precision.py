"""What bfloat16 changes in features and predictions, against float32, on stripped brains.

Usage: python benchmarks/precision.py BRAIN [BRAIN ...]

open-s, 8 views. Printed: largest and mean absolute difference over the brains.
"""

import sys

import numpy as np

from neurofm_bids import NeuroFM


def main():
    exact, rough = (NeuroFM("open-s", precision=p) for p in ("float32", "bfloat16"))
    differences = {}
    for one, other in zip(exact.encode(sys.argv[1:]), rough.encode(sys.argv[1:]), strict=True):
        features = np.abs(one.features - other.features)
        differences.setdefault("features", []).append(features.max())
        for name, prediction in one.predictions.items():
            difference = abs(prediction.value - other.predictions[name].value)
            differences.setdefault(f"{name} ({prediction.target.units})", []).append(difference)
    for name, values in differences.items():
        print(f"| {name} | {np.max(values):.3g} | {np.mean(values):.3g} |")


if __name__ == "__main__":
    main()
