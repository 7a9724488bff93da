"""Time, memory and exactness of the encoder against the plain forward pass of the reference network.

Usage: python benchmarks/encoder.py [--brain T1W] [--variants s m l] [--device cpu] [--threads 2] [--rounds 3]

BRAIN is a skull-stripped T1w (default: the bundled template). Every measurement is a process of its own, all
in one run and in turns; the best round counts. "plain" is the network alone; "fast" includes the z-score and
the views. s has the weights of open-s, m and l seeded random weights with random normalisation statistics.
The difference is the largest over all outputs, as a share of the bar (1e-4 + 1e-4 x value).
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from importlib.resources import files
from pathlib import Path

import numpy as np

# path: views computed by one call, batch size, precision
PATHS = {
    "plain": (1, 1, "float32"),
    "fast, 1 view": (1, 1, "float32"),
    "fast, 8 views": (8, 1, "float32"),
    "fast, 8 views, batch 8": (8, 8, "float32"),
    "fast, 8 views, bfloat16": (8, 1, "bfloat16"),
}


def loaded(variant):
    import torch

    from neurofm_bids.model.architecture import ARCHITECTURES
    from neurofm_bids.model.network import NeuroFMNet
    from neurofm_bids.model.registry import model_spec
    from neurofm_bids.model.weights import LoadedModel, load_model

    if variant == "s":
        return load_model("open-s")
    torch.manual_seed(0)
    network = NeuroFMNet(ARCHITECTURES[variant])
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm3d | torch.nn.BatchNorm1d):
            layer.running_mean.normal_(0, 0.3)
            layer.running_var.uniform_(0.5, 2)
    return LoadedModel(model_spec(f"neurofm-{variant}"), network.eval(), "random")


def brain_volume(path):
    import nibabel as nib

    from neurofm_bids.preprocess.load import load_t1w
    from neurofm_bids.preprocess.model_grid import model_grid

    image = load_t1w(path)
    mask = nib.Nifti1Image((np.asarray(image.dataobj) != 0).astype(np.uint8), image.affine)
    return np.asarray(model_grid(image, mask, space="native")[0].dataobj)


def first_row(outputs):
    """Return the outputs of the first view, float64."""
    return [np.asarray(value[:1].double().cpu()) for value in (outputs.latent, *outputs.heads.values())]


def plain_call(model, volume, device):
    import torch

    from neurofm_bids.model.augmentation import read_volume

    standard = torch.from_numpy(read_volume(volume, model.spec.zscore).standardise(volume))[None, None]
    network = model.network.to(device)

    def call():
        with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False):
            return first_row(network(standard.to(device)))

    return call


def fast_call(model, volume, device, path):
    import torch

    from neurofm_bids.config import Processing
    from neurofm_bids.model.augmentation import lattices, read_volume
    from neurofm_bids.model.encoder import Encoder

    views, batch, precision = PATHS[path]
    network = Encoder(model, Processing(device=device, precision=precision)).network

    def call():
        checked = read_volume(volume, model.spec.zscore)
        boxes, start = lattices(checked, views)
        background = torch.full((batch,), checked.standard_background, device=device)
        with torch.backends.cudnn.flags(allow_tf32=False, deterministic=True):
            parts = torch.from_numpy(boxes).split(batch)
            outputs = [network(part.to(device), start, background) for part in parts]
        return first_row(outputs[0])

    return call


def measure(path, variant, volume, device, threads, target):
    """Time one path in this process and write what it gave."""
    import torch

    torch.set_num_threads(threads)
    model = loaded(variant)
    if path == "plain":
        call = plain_call(model, np.load(volume), device)
    else:
        call = fast_call(model, np.load(volume), device, path)
    outputs = call()
    count = 1 if path == "plain" else 4
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(count):
        call()
    done = {"cpu": (time.process_time() - cpu) / count, "wall": (time.perf_counter() - wall) / count}
    done["rss"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    done["gpu"] = torch.cuda.max_memory_allocated() / 2**30 if device.startswith("cuda") else 0.0
    np.savez(target, *outputs)
    print(json.dumps(done))


def in_child(arguments):
    done = subprocess.run(
        [sys.executable, __file__, "--child", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


def share_of_bar(found, expected):
    with np.load(found) as one, np.load(expected) as other:
        return max(float((abs(one[k] - other[k]) / (1e-4 + 1e-4 * abs(other[k]))).max()) for k in other)


def compare(variant, options, volume, folder):
    best = {}
    for _ in range(options.rounds):
        for path in PATHS:
            target = Path(folder) / f"{variant}-{path}.npz"
            now = in_child([path, variant, volume, options.device, options.threads, target])
            known = best.get(path, now)
            best[path] = {key: (max if key in {"rss", "gpu"} else min)(now[key], known[key]) for key in now}
    plain = best["plain"]
    for path, (views, _, _) in PATHS.items():
        found = best[path]
        bar = share_of_bar(Path(folder) / f"{variant}-{path}.npz", Path(folder) / f"{variant}-plain.npz")
        memory = f"{found['rss']:.2f}" + (f" + {found['gpu']:.2f} GPU" if found["gpu"] else "")
        cells = (
            f"{variant} | {path} | {found['cpu']:.2f} | {found['wall']:.2f} | {views / found['wall']:.2f} | "
            f"{plain['cpu'] * views / found['cpu']:.1f} | {plain['wall'] * views / found['wall']:.1f} | "
            f"{memory} | {bar:.2g}"
        )
        print(f"| {cells} |", flush=True)


def main():
    if sys.argv[1:2] == ["--child"]:
        path, variant, volume, device, threads, target = sys.argv[2:]
        return measure(path, variant, volume, device, int(threads), target)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    bundled = files("neurofm_bids") / "data/tpl-MNI152NLin2009cAsym_res-02_desc-brain_T1w.nii.gz"
    parser.add_argument("--brain", type=Path, default=Path(str(bundled)))
    parser.add_argument("--variants", nargs="+", default=["s", "m", "l"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print("| Variant | Path | CPU s | Wall s | Views/s | x CPU | x wall | Peak GB | Difference / bar |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        volume = Path(folder) / "volume.npy"
        np.save(volume, brain_volume(options.brain))
        for variant in options.variants:
            compare(variant, options, volume, folder)
    return None


if __name__ == "__main__":
    main()
