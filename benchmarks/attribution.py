"""Attribution maps of open-s on real scans with labels: completeness, specificity and place.

    python benchmarks/attribution.py DATA WORK [--only NAME ...] [--choices | --steps N ...]

DATA holds aomic, ds000247 (labels of FreeSurfer), oasis-manual (manual labels) and ds000011. Scans are
preprocessed once, into WORK/volumes; the result of each is kept in WORK/scans. For each scan, in one thread:

- CPU seconds of all targets, and completeness error of each;
- share of the absolute map of ventricular volume within 4 mm of the labelled lateral ventricles, beside the
  share of the brain that lies there, and whether its largest value does (pointing game);
- correlation within the brain of that map with those of networks with random weights, and of a readout with
  random weights of the same features;
- deletion: voxels are replaced by the baseline, those of the largest absolute values first, or in the order
  of smoothed noise; how far the number moved, over its distance from the baseline, mean over the curve;
- correlation of the maps of both halves of the views, by smoothing.

With ``--choices`` instead: completeness error and share near the ventricles by baseline and by steps.
With ``--steps``: CPU seconds and completeness errors of all targets by steps, also of ds000011 (no labels).
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.ndimage import distance_transform_edt, gaussian_filter

from neurofm_bids.explain.baseline import blurred
from neurofm_bids.explain.integrated_gradients import GridAttribution, attribute
from neurofm_bids.explain.maps import smoothed
from neurofm_bids.explain.readout import LinearReadout, target_readouts
from neurofm_bids.geometry import PHASES
from neurofm_bids.model.architecture import ARCHITECTURES
from neurofm_bids.model.augmentation import Volume, lattices, read_volume
from neurofm_bids.model.fast import FastNetwork
from neurofm_bids.model.network import NeuroFMNet
from neurofm_bids.model.weights import load_model
from neurofm_bids.pretrain.evaluation.label_image import read_label_image
from neurofm_bids.pretrain.evaluation.prepared_scan import prepare
from neurofm_bids.pretrain.evaluation.protocols import COMPARED

VIEWS, NEAR_MM, MM_PER_SIGMA = 8, 4.0, 2 * np.sqrt(2 * np.log(2))
VENTRICLES, NAME = list(COMPARED).index("lateral_ventricle") + 1, "ventricular_volume"
CHOSEN_BY = ("age", NAME)  # targets
FRACTIONS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
FWHMS = (2, 4, 6, 8)
FEW_VIEWS = 2  # of deletion, of random networks and of choices


class Labelled:
    """A prepared scan: its volume, its brain, and what is near the lateral ventricles, on the model grid."""

    def __init__(self, t1w: Path, labels: Path, folder: Path) -> None:
        prepared, image = prepare(t1w, folder, stability=False), read_label_image([labels])
        structures = image.protocol.structures(image.on_grid(prepared))
        self.volume: Volume = read_volume(prepared.volume())
        self.brain = image.on_grid(prepared) > 0
        self.near = distance_transform_edt(structures != VENTRICLES) <= NEAR_MM


def scans(data: Path) -> dict[str, tuple[Path, Path]]:
    """Return T1w and labels of each scan by name."""
    found = {
        f"aomic_{n}": (data / f"aomic/sub-{n}_T1w.mgz", data / f"aomic/sub-{n}_aseg.mgz")
        for n in ("0001", "0002")
    }
    one = data / "ds000247"
    found["ds000247_0002"] = (one / "sub-0002_T1.mgz", one / "sub-0002_aseg.mgz")
    for labels in sorted((data / "oasis-manual").glob("derivatives/manual/sub-*/anat/*_dseg.nii.gz")):
        person = labels.parts[-3]
        t1w = data / "oasis-manual" / person / "anat" / f"{person}_T1w.nii.gz"
        found[f"oasis_{person.removeprefix('sub-')}"] = (t1w, labels)
    return found


def whole(box: np.ndarray, start: tuple[int, ...]) -> np.ndarray:
    """Return the volume of 256^3 that a box belongs to."""
    full = np.zeros((256,) * 3, dtype=np.float32)
    full[tuple(slice(a, a + n) for a, n in zip(start, box.shape, strict=True))] = box
    return full


def final_map(found: GridAttribution) -> np.ndarray:
    return whole(smoothed(found), found.start)


def location(values: np.ndarray, scan: Labelled) -> dict[str, float]:
    size = np.abs(values)
    peak = np.unravel_index(size.argmax(), size.shape)
    return {
        "near": float(size[scan.near].sum() / size.sum()),
        "chance": float(scan.near[scan.brain].mean()),
        "pointing": float(scan.near[peak]),
    }


def correlation(one: np.ndarray, other: np.ndarray, brain: np.ndarray) -> float:
    return float(np.corrcoef(one[brain], other[brain])[0, 1])


def outputs(network: FastNetwork, volume: Volume, readouts) -> np.ndarray:
    boxes, start = lattices(volume, FEW_VIEWS)
    background = torch.tensor([volume.standard_background])
    passes = [network(torch.from_numpy(box)[None], start, background) for box in boxes]
    return np.array([np.mean([float(r.values(one)[0]) for one in passes]) for r in readouts])


def deletion(network: FastNetwork, scan: Labelled, readouts, orders: list[np.ndarray]) -> list[np.ndarray]:
    """Return for each order how far each number moves over its distance from the baseline, by fraction."""
    volume = scan.volume
    cut = tuple(slice(a, a + n) for a, n in zip(volume.start, volume.box.shape, strict=True))
    baseline, inside = blurred(volume), scan.brain[cut]
    intact, emptied = (outputs(network, v, readouts) for v in (volume, replace(volume, box=baseline)))
    curves = []
    for order in orders:
        ranks = np.where(inside, order[cut], -np.inf)
        moved = []
        for fraction in FRACTIONS:
            deleted = ranks >= np.quantile(ranks[inside], 1 - fraction)
            box = np.where(deleted, baseline, volume.box)
            moved.append(np.abs(outputs(network, replace(volume, box=box), readouts) - intact))
        curves.append(np.array(moved) / np.abs(emptied - intact))
    return curves


def random_networks(count: int = 3) -> list[FastNetwork]:
    made = []
    for seed in range(count):
        torch.manual_seed(seed)
        made.append(FastNetwork(NeuroFMNet(ARCHITECTURES["s"]).eval()))
    return made


def halves(found: GridAttribution, brain: np.ndarray) -> dict[str, float]:
    """Return the correlation of the maps of two halves of the views, by smoothing in mm."""
    parts = [np.zeros_like(found.values) for _ in range(2)]
    for number, phase in enumerate(PHASES):
        first = [(p - s) % 2 for p, s in zip(phase, found.start, strict=True)]
        lattice = tuple(slice(f, None, 2) for f in first)
        parts[number // 4][lattice] = found.values[lattice]
    return {
        f"halves_{mm}mm": correlation(
            *(whole(gaussian_filter(part, mm / MM_PER_SIGMA), found.start) for part in parts), brain
        )
        for mm in FWHMS
    }


def measure(name: str, scan: Labelled) -> dict[str, object]:
    model = load_model("open-s")
    network, readouts = FastNetwork(model.network), target_readouts(model.spec)
    started = time.process_time()
    found = attribute(network, scan.volume, readouts, views=VIEWS)
    maps = [final_map(one) for one in found]
    row: dict[str, object] = {"scan": name, "cpu_seconds": time.process_time() - started}
    row |= {f"error_{one.name}": one.completeness_error for one in found}
    row |= {f"difference_{one.name}": one.output - one.baseline_output for one in found}
    index = [one.name for one in found].index(NAME)
    row |= location(maps[index], scan)
    noise = gaussian_filter(np.random.default_rng(0).normal(size=(256,) * 3), 4 / MM_PER_SIGMA)
    *curves, by_chance = deletion(network, scan, readouts, [*map(np.abs, maps), noise])
    for number, one in enumerate(found):
        row[f"deletion_{one.name}"] = float(curves[number][:, number].mean())
        row[f"deletion_random_{one.name}"] = float(by_chance[:, number].mean())
    others = [
        attribute(n, scan.volume, readouts[index : index + 1], views=FEW_VIEWS)[0] for n in random_networks()
    ]
    weights = np.random.default_rng(0).normal(size=model.spec.latent_size)
    random = LinearReadout("random", "Random readout", "1", weights)
    others += attribute(network, scan.volume, [random], views=FEW_VIEWS)
    correlated = [correlation(final_map(one), maps[index], scan.brain) for one in others]
    row |= {"random_weights": float(np.abs(correlated[:-1]).max()), "random_readout": correlated[-1]}
    return {**row, **halves(found[index], scan.brain)}


def choices(name: str, scan: Labelled) -> list[dict[str, object]]:
    """Return completeness error and share near the ventricles by baseline and steps."""
    model, volume = load_model("open-s"), scan.volume
    network, readouts = FastNetwork(model.network), target_readouts(model.spec, CHOSEN_BY)
    background = np.full_like(volume.box, volume.background)
    flat = np.where(volume.box > 0.05 * volume.box.max(), volume.box[volume.box > 0].mean(), background)
    baselines = {"background": background, "mean of the brain": flat.astype(np.float32)}
    baselines |= {f"smoothed, {sigma} mm": blurred(volume, sigma) for sigma in (2, 4, 8)}
    tried = [(baseline, 8) for baseline in baselines] + [("smoothed, 4 mm", steps) for steps in (2, 4, 16)]
    rows = []
    for baseline, steps in tried:
        found = attribute(
            network, volume, readouts, views=FEW_VIEWS, steps=steps, baseline=baselines[baseline]
        )
        row = {"scan": name, "baseline": baseline, "steps": steps}
        row |= {f"error_{one.name}": one.completeness_error for one in found}
        one = next(one for one in found if one.name == NAME)
        row |= {"baseline_output": one.baseline_output, **location(final_map(one), scan)}
        rows.append(row)
    return rows


def by_steps(name: str, t1w: Path, options: argparse.Namespace) -> list[pd.DataFrame]:
    """Return completeness errors of all targets, relative and absolute, for each number of steps."""
    tables = []
    for steps in options.steps:
        kept = options.work / "scans" / f"{name}_{steps}.csv"
        if not kept.is_file():
            volume = read_volume(prepare(t1w, options.work / "volumes" / name, stability=False).volume())
            model = load_model("open-s")
            network, readouts = FastNetwork(model.network), target_readouts(model.spec)
            started = time.process_time()
            found = attribute(network, volume, readouts, views=VIEWS, steps=steps)
            rows = [
                {
                    "scan": name,
                    "steps": steps,
                    "cpu_seconds": time.process_time() - started,
                    "target": one.name,
                    "difference": one.output - one.baseline_output,
                    "absolute_error": one.absolute_completeness_error,
                    "error": one.completeness_error,
                    "sum_of_sizes": float(np.abs(one.values).sum(dtype=np.float64)),
                }
                for one in found
            ]
            kept.parent.mkdir(parents=True, exist_ok=True)
            pd.DataFrame(rows).to_csv(kept, index=False)
        tables.append(pd.read_csv(kept))
    return tables


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--choices", action="store_true")
    parser.add_argument("--steps", nargs="+", type=int, default=[])
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.steps:
        whole_set = {name: t1w for name, (t1w, _) in scans(options.data).items()}
        whole_set["ds000011_01"] = options.data / "ds000011/sub-01/anat/sub-01_T1w.nii.gz"
        chosen = {name: t1w for name, t1w in whole_set.items() if not options.only or name in options.only}
        print_table(pd.concat([one for item in chosen.items() for one in by_steps(*item, options)]))
        return
    tables = []
    for name, (t1w, labels) in scans(options.data).items():
        kept = options.work / "scans" / f"{name}{'_choices' if options.choices else ''}.csv"
        if options.only and name not in options.only:
            continue
        if not kept.is_file():
            scan = Labelled(t1w, labels, options.work / "volumes" / name)
            rows = choices(name, scan) if options.choices else [measure(name, scan)]
            kept.parent.mkdir(parents=True, exist_ok=True)
            pd.DataFrame(rows).to_csv(kept, index=False)
        tables.append(pd.read_csv(kept))
        print(name, "done", flush=True)
    table = pd.concat(tables, ignore_index=True)
    if options.choices:
        print_table(table.groupby(["baseline", "steps"], sort=False).mean(numeric_only=True).reset_index())
        return
    print_table(table.set_index("scan").T.reset_index())


def print_table(frame: pd.DataFrame) -> None:
    rows = [[f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in row] for row in frame.values]
    for row in (list(map(str, frame.columns)), ["---"] * len(frame.columns), *rows):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
