"""Bias fields and CPU time of N4 as matrix products and of antspyx, on the same masks, in one process.

Masks are those of deepbet. Prints a table: CPU seconds of both, their ratio, the standard deviation of the
logarithm of the field in the brain, and that of the difference between the two.

    python benchmarks/n4.py HEAD.nii.gz ...
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.geometry import box, inside_points
from neurofm_bids.preprocess.brain_extraction import extract_brain
from neurofm_bids.preprocess.load import load_t1w
from neurofm_bids.preprocess.n4 import log_bias_field


def of_antspyx(data: NDArray[Any], inside: NDArray[Any], spacing: list[float]) -> NDArray[Any]:
    import ants

    field = ants.n4_bias_field_correction(
        ants.from_numpy(data, spacing=spacing),
        mask=ants.from_numpy(inside.astype(np.float32), spacing=spacing),
        shrink_factor=4,
        convergence={"iters": [50, 50, 50, 50], "tol": 1e-7},
        spline_param=200,
        return_bias_field=True,
    )
    return np.log(field.numpy())


def timed(function: Callable[..., NDArray[Any]], *arguments: Any) -> tuple[NDArray[Any], float]:
    start = time.process_time()
    return function(*arguments), time.process_time() - start


def row(path: Path) -> str:
    t1w = load_t1w(path)
    mask, _ = extract_brain(t1w)
    inside = np.asarray(mask.dataobj) > 0
    crop = tuple(map(slice, *box(inside_points(mask), 10, inside.shape)))
    data, inside = np.ascontiguousarray(np.asarray(t1w.dataobj)[crop]), inside[crop]
    spacing = [float(size) for size in nib.affines.voxel_sizes(t1w.affine)]
    theirs, slow = timed(of_antspyx, data, inside, spacing)
    ours, fast = timed(log_bias_field, data, inside, spacing)
    shape = " x ".join(map(str, t1w.shape))
    spread, difference = theirs[inside].std(), (ours - theirs)[inside].std()
    times = f"{slow:.1f} | {fast:.2f} | {slow / fast:.0f}"
    return f"| {path.name} | {shape} | {times} | {spread:.4f} | {difference:.5f} |"


def main() -> None:
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("heads", type=Path, nargs="+")
    print("| Scan | Matrix | antspyx, CPU s | here, CPU s | ratio | field sd | difference sd |")
    for path in parser.parse_args().heads:
        print(row(path), flush=True)


if __name__ == "__main__":
    main()
