"""The segmentation network on real scans with labels, none of which it is trained, chosen or calibrated on.

    python benchmarks/anatomy.py WEIGHTS DATA WORK [--phases 1 2 8] [--only NAME ...]

DATA holds oasis-manual (manual labels), aomic and ds000247 (labels of FreeSurfer). Scans are preprocessed
once, into WORK/volumes. Each is segmented with each number of lattice phases; two also with other masks,
rotated and shifted, with two phases. ``neurofm-tools pretrain evaluate`` measures the same in a BIDS dataset;
this script adds a figure for each scan (T1w, segmentation, known labels, in WORK), the sides, and the cost.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import torch

from neurofm_bids.anatomy.segmentation import segment
from neurofm_bids.anatomy.weights import load_anatomy_network
from neurofm_bids.pretrain.evaluation.anatomy import measure_structures, repeated_volumes
from neurofm_bids.pretrain.evaluation.anatomy_summary import MEASURED, SegmentedScan, summarise_anatomy
from neurofm_bids.pretrain.evaluation.label_image import read_label_image
from neurofm_bids.pretrain.evaluation.prepared_scan import prepare
from neurofm_bids.pretrain.evaluation.protocols import FREESURFER, Protocol

DRAWN = 2  # phases
VARIED = ("oasis-manual_sub-1107", "aomic_sub-0001")  # with other masks and poses
MIDDLE = 127.5  # voxels of the model grid from here on are left of the registered mid-plane
AGREEMENT = (
    "known_ml", "volume_ml", "r", "slope", "bias_percent", "r_share", "r_voxels", "r_known_brain", "dice",
)  # fmt: skip


@dataclass(frozen=True)
class Given:
    """A scan, and labels of its voxels."""

    name: str
    t1w: Path
    labels: Path


def given_scans(data: Path) -> list[Given]:
    scans = [
        Given(f"aomic_sub-{n}", data / f"aomic/sub-{n}_T1w.mgz", data / f"aomic/sub-{n}_aseg.mgz")
        for n in ("0001", "0002")
    ]
    one = data / "ds000247"
    scans.append(Given("ds000247_sub-0002", one / "sub-0002_T1.mgz", one / "sub-0002_aseg.mgz"))
    for labels in sorted((data / "oasis-manual").glob("derivatives/manual/sub-*/anat/*_dseg.nii.gz")):
        person = labels.parts[-3]
        t1w = data / "oasis-manual" / person / "anat" / f"{person}_T1w.nii.gz"
        scans.append(Given(f"oasis-manual_{person}", t1w, labels))
    return scans


def measure(given: Given, network, phases: Sequence[int], work: Path) -> tuple[dict, dict]:
    """Return the segmented scan, and the shares of voxels on the right side, by number of phases."""
    varied = given.name in VARIED
    prepared = prepare(given.t1w, work / "volumes" / given.name, stability=varied)
    labels, volume = read_label_image([given.labels]), prepared.volume()
    truth, scans, on_side = labels.on_grid(prepared), {}, {}
    for count in phases:
        found = segment(volume, network, count)
        structures = measure_structures(found, prepared, labels)
        repeats = repeated_volumes(prepared, network, count) if varied and count == DRAWN else {}
        scans[count] = SegmentedScan(given.name, given.name, "", structures, repeats)
        on_side[count] = sides(labels.protocol, truth, found.labels)
        if count == DRAWN:
            painted = FREESURFER.structures(found.labels), labels.protocol.structures(truth)
            draw(work / f"{given.name}.png", volume, *painted)
    return scans, on_side


def is_manual(scan: SegmentedScan) -> bool:
    return scan.name.startswith("oasis")


def sides(protocol: Protocol, truth: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return the share of voxels with sides that the network, and the mid-plane, give the right one."""
    true, own = protocol.sides(truth), FREESURFER.sides(labels)
    sided = (true != 0) & (own != 0)
    halves = np.where(np.arange(len(true)) > MIDDLE, 1, -1)[:, None, None]
    by_plane = np.broadcast_to(halves, true.shape)[sided]
    return {
        "side_network": float((own[sided] == true[sided]).mean()),
        "side_plane": float((by_plane == true[sided]).mean()),
    }


def draw(path: Path, volume: np.ndarray, labels: np.ndarray, truth: np.ndarray) -> None:
    """Draw three slices of each orientation: the T1w, the segmentation, and the known labels (structures)."""
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    mpl.use("agg")
    inside = np.argwhere(labels > 0)
    low, high = inside.min(axis=0), inside.max(axis=0)
    colours = np.vstack([np.zeros(4), mpl.colormaps["tab20"].colors @ np.eye(3, 4)])
    colours[1:, 3] = 0.6
    fractions = np.array([0.35, 0.5, 0.65])
    places = [(axis, int(at)) for axis in range(3) for at in low[axis] + fractions * (high - low)[axis]]
    figure, axes = plt.subplots(3, 9, figsize=(27, 9), facecolor="black")
    limit = np.quantile(volume[volume > 0], 0.98)
    for column, (axis, place) in enumerate(places):
        around = tuple(slice(low[a] - 3, high[a] + 4) for a in range(3) if a != axis)
        for row, painted in zip(axes, (None, labels, truth), strict=True):
            panel = row[column]
            panel.axis("off")
            panel.imshow(plane(volume, axis, place)[around], cmap="gray", vmin=0, vmax=limit)
            if painted is not None:
                panel.imshow(colours[plane(painted, axis, place)[around]])
    figure.subplots_adjust(0, 0, 1, 1, 0.01, 0.01)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def plane(volume: np.ndarray, axis: int, place: int) -> np.ndarray:
    return np.take(volume, place, axis=axis)


def agreement_table(scans: Sequence[SegmentedScan]) -> pd.DataFrame:
    """Return agreement with manual labels over people, by structure."""
    manual = [scan for scan in scans if is_manual(scan)]
    if not manual:
        return pd.DataFrame()
    table = pd.DataFrame(summarise_anatomy(manual)["structures"]).T
    return table[list(AGREEMENT)].astype(float).rename(columns=lambda name: name.replace("_", " "))


def freesurfer_table(scans: Sequence[SegmentedScan], value) -> pd.DataFrame:
    """Return a value of each structure of the scans with labels of FreeSurfer."""
    chosen = [scan for scan in scans if not is_manual(scan)]
    return pd.DataFrame({s.name: {name: value(s.structures[name]) for name in MEASURED} for s in chosen})


def change_table(scans: Sequence[SegmentedScan]) -> pd.DataFrame:
    """Return changes of volumes with phases, masks and poses, in percent."""
    changes = {
        f"{scan.name} {change}": {
            name: 100 * (volumes[name] / scan.volumes_ml[name] - 1) for name in MEASURED
        }
        for scan in scans
        for change, volumes in scan.repeats.items()
    }
    return pd.DataFrame(changes)


def cost_table(weights: Path, volume: Path, phases: list[int]) -> pd.DataFrame:
    """Return CPU time and memory of the segmentation, each in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        costs = {count: pool.submit(cost, weights, volume, count).result() for count in phases}
    return pd.DataFrame(costs, index=["CPU s", "GB with the brain alone", "GB"]).T


def cost(weights: Path, path: Path, phases: int) -> tuple[float, float, float]:
    torch.set_num_threads(1)
    network = load_anatomy_network(weights)
    volume = np.asarray(nib.Nifti1Image.from_filename(path).dataobj, dtype=np.float32)
    before, seconds = peak_gb(), []
    for _ in range(3):
        start = time.process_time()
        segment(volume, network, phases)
        seconds.append(time.process_time() - start)
    return min(seconds), before, peak_gb()


def show(title: str, table: pd.DataFrame, digits: int) -> None:
    if table.empty:
        return
    print(f"\n## {title}\n")
    heads = [" ".join(c) if isinstance(c, tuple) else c for c in table.columns]
    print(f"| | {' | '.join(heads)} |\n|{' --- |' * (len(heads) + 1)}")
    for name, values in zip(table.index, table.to_numpy(dtype=float), strict=True):
        print(f"| {name} | {' | '.join(f'{value:.{digits}f}' for value in values)} |")


def peak_gb() -> float:
    """Return the largest resident memory of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e9


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("weights", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--phases", type=int, nargs="+", default=[2, 1, 8])
    parser.add_argument("--only", nargs="+")
    args = parser.parse_args()
    torch.set_num_threads(1)
    network, measured = load_anatomy_network(args.weights), {}
    for given in given_scans(args.data):
        if not args.only or given.name in args.only:
            measured[given.name] = measure(given, network, args.phases, args.work)
            print(f"{given.name} is measured", flush=True)
    for count in args.phases:
        scans = [by_count[count] for by_count, _ in measured.values()]
        show(f"Manual labels, phases {count}", agreement_table(scans), 2)
        show(f"Dice with FreeSurfer, phases {count}", freesurfer_table(scans, lambda s: s.dice), 3)
        percent = freesurfer_table(scans, lambda s: 100 * s.volume_ml / s.known_ml)
        show(f"Volume, percent of FreeSurfer, phases {count}", percent, 1)
        show("Change of volumes, percent", change_table(scans), 1)
        shares = pd.DataFrame({name: by_count[count] for name, (_, by_count) in measured.items()}).T
        show(f"Share of voxels on the right side, phases {count}", shares, 4)
    largest = args.work / "volumes" / next(iter(measured)) / "given.nii.gz"
    show("Cost by number of phases", cost_table(args.weights, largest, args.phases), 2)


if __name__ == "__main__":
    main()
