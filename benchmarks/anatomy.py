"""The segmentation network on real scans with labels, none of which it is trained, chosen or calibrated on.

    python benchmarks/anatomy.py WEIGHTS DATA WORK [--phases 1 2 8] [--only NAME ...]

DATA holds oasis-manual (manual labels), aomic and ds000247 (labels of FreeSurfer). Scans are preprocessed
once, into WORK/volumes. Each is segmented with each number of lattice phases; two also with other brain masks
and rotated by 5 degrees about each axis, with two phases. Writes WORK/anatomy.tsv (volumes, those of labels,
spread over phases, confidence, Dice) and a figure for each scan: T1w, segmentation, known labels. Prints the
agreement of volumes and shares of the brain over people, Dice, sides, changes with masks and poses, and cost.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import torch

from neurofm_bids.anatomy.network import AnatomyNet
from neurofm_bids.anatomy.segmentation import Segmentation, segment
from neurofm_bids.anatomy.weights import load_anatomy_network
from neurofm_bids.geometry import resample_onto, voxel_volume_mm3
from neurofm_bids.pretrain.evaluation.metrics import agreement, dice
from neurofm_bids.pretrain.evaluation.perturbations import rotations
from neurofm_bids.pretrain.evaluation.prepared_scan import PreparedScan, prepare
from neurofm_bids.pretrain.evaluation.protocols import (
    COMPARED,
    FREESURFER,
    NEUROMORPHOMETRICS,
    Protocol,
    predicted_ml,
)

DEFAULT = "phases 2"
VARIED = ("oasis-manual_sub-1107", "aomic_sub-0001")  # with other masks and poses
MIDDLE = 127.5  # voxels of the model grid from here on are left of the registered mid-plane
TURNS = (("x", 5.0), ("y", 5.0), ("z", 5.0))


@dataclass(frozen=True)
class LabelledScan:
    """A scan, and labels of its voxels."""

    name: str
    t1w: Path
    labels: Path
    protocol: Protocol

    def known_ml(self) -> dict[str, float]:
        """Return volumes of the labels in ml."""
        image = nib.load(self.labels)
        return self.protocol.volumes_ml(codes(image), voxel_volume_mm3(image.affine))

    def on_grid(self, prepared: PreparedScan) -> np.ndarray:
        """Return the codes of the voxels of the model grid (nearest neighbour)."""
        image, grid = nib.load(self.labels), nib.load(prepared.folder / "given.nii.gz")
        labels = nib.Nifti1Image(codes(image), image.affine)
        return np.asarray(resample_onto(labels, grid, prepared.rigid, order=0).dataobj).astype(np.int16)


def codes(image) -> np.ndarray:
    return np.asarray(image.dataobj).astype(np.int16)


def labelled_scans(data: Path) -> list[LabelledScan]:
    scans = [
        LabelledScan(
            f"aomic_sub-{n}",
            data / f"aomic/sub-{n}_T1w.mgz",
            data / f"aomic/sub-{n}_aseg.mgz",
            FREESURFER,
        )
        for n in ("0001", "0002")
    ]
    one = data / "ds000247"
    scans.append(
        LabelledScan("ds000247_sub-0002", one / "sub-0002_T1.mgz", one / "sub-0002_aseg.mgz", FREESURFER)
    )
    for labels in sorted((data / "oasis-manual").glob("derivatives/manual/sub-*/anat/*_dseg.nii.gz")):
        person = labels.parts[-3]
        t1w = data / "oasis-manual" / person / "anat" / f"{person}_T1w.nii.gz"
        scans.append(LabelledScan(f"oasis-manual_{person}", t1w, labels, NEUROMORPHOMETRICS))
    return scans


def variants(
    prepared: PreparedScan, phases: list[int], varied: bool
) -> Iterator[tuple[str, np.ndarray, int]]:
    """Yield a name, a volume on the model grid and the number of phases."""
    volume = prepared.volume()
    for count in phases:
        yield f"phases {count}", volume, count
    if varied:
        for mask in prepared.other_masks:
            yield f"mask {mask}", prepared.volume(mask), 2
        for (axis, angle), turned in zip(TURNS, rotations(volume, TURNS), strict=True):
            yield f"rotated {angle:.0f} about {axis}", turned, 2


def rows_of(
    scan: LabelledScan, prepared: PreparedScan, network: AnatomyNet, phases: list[int], work: Path
) -> Iterator[dict[str, object]]:
    known, truth = scan.known_ml(), scan.on_grid(prepared)
    for variant, volume, count in variants(prepared, phases, scan.name in VARIED):
        found = segment(volume, network, count)
        common = {"scan": scan.name, "variant": variant}
        if variant == DEFAULT:
            labels = FREESURFER.structures(found.labels), scan.protocol.structures(truth)
            draw(work / f"{scan.name}.png", volume, *labels)
        overlap = overlaps(scan.protocol, truth, found.labels) if "phases" in variant else {}
        predicted = predicted_ml(found.volumes_mm3)
        by_phase = [predicted_ml(volumes) for volumes in found.by_phase_mm3]
        certain = predicted_ml(found.volumes_mm3 * found.confidence)
        labelled = FREESURFER.volumes_ml(found.labels, 1.0)
        common |= sides(scan.protocol, truth, found)
        for name in (*COMPARED, "brain"):
            yield {
                **common,
                "structure": name,
                "known_ml": known[name],
                "predicted_ml": predicted[name],
                "labelled_ml": labelled[name],
                "spread_ml": np.std([volumes[name] for volumes in by_phase]),
                "confidence": certain[name] / predicted[name],
                "dice": overlap.get(name, np.nan),
            }


def overlaps(protocol: Protocol, truth: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    scores = dice(protocol.structures(truth), FREESURFER.structures(labels), len(COMPARED))
    return dict(zip(COMPARED, scores, strict=True))


def sides(protocol: Protocol, truth: np.ndarray, found: Segmentation) -> dict[str, float]:
    """Return the share of voxels with sides that the network, and the mid-plane, give the right one."""
    true, own = protocol.sides(truth), FREESURFER.sides(found.labels)
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


def agreement_table(table: pd.DataFrame, variant: str) -> pd.DataFrame:
    """Return agreement over the people with manual labels: volumes, shares of the brain, and a baseline.

    The baseline is the known volume of the brain: what a network can know of a structure without seeing it.
    """
    chosen = table[(table.variant == variant) & table.scan.str.startswith("oasis")]
    if chosen.empty:
        return pd.DataFrame()
    known, predicted, labelled = (
        chosen.pivot(index="scan", columns="structure", values=values)
        for values in ("known_ml", "predicted_ml", "labelled_ml")
    )
    known_shares, shares = (volumes.div(volumes.brain, axis=0) for volumes in (known, predicted))
    rows = {}
    for name in (*COMPARED, "brain"):
        scores = agreement(known[name].to_numpy(), predicted[name].to_numpy())
        others = {
            "r of share": (known_shares[name], shares[name]),
            "r of labels": (known[name], labelled[name]),
            "r of known brain": (known[name], known.brain),
        }
        rows[name] = {
            "known ml": known[name].mean(),
            "predicted ml": predicted[name].mean(),
            "labelled ml": labelled[name].mean(),
            **{k: scores[k] for k in ("r", "slope", "bias_percent")},
            **{k: agreement(one.to_numpy(), other.to_numpy())["r"] for k, (one, other) in others.items()},
            "Dice": chosen[chosen.structure == name].dice.mean(),
        }
    return pd.DataFrame(rows).T


def dice_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return Dice with labels of FreeSurfer by structure, for each scan and number of phases."""
    chosen = table[table.variant.str.startswith("phases") & ~table.scan.str.startswith("oasis")]
    return chosen.pivot(index="structure", columns=["scan", "variant"], values="dice").reindex(list(COMPARED))


def volume_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return predicted volumes in percent of those of FreeSurfer."""
    chosen = table[(table.variant == DEFAULT) & ~table.scan.str.startswith("oasis")]
    percent = chosen.assign(percent=100 * chosen.predicted_ml / chosen.known_ml)
    return percent.pivot(index="structure", columns="scan", values="percent").reindex([*COMPARED, "brain"])


def change_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return changes of volumes against the default, in percent, for other phases, masks and poses."""
    chosen = table[table.scan.isin(VARIED)]
    wide = chosen.pivot(index="structure", columns=["scan", "variant"], values="predicted_ml")
    changes = {
        (scan, variant): 100 * (wide[scan, variant] / wide[scan, DEFAULT] - 1)
        for scan, variant in wide.columns
        if variant != DEFAULT
    }
    return pd.DataFrame(changes).reindex([*COMPARED, "brain"])


def side_table(table: pd.DataFrame) -> pd.DataFrame:
    chosen = table[table.variant.str.startswith("phases")]
    return chosen.groupby("variant")[["side_network", "side_plane"]].mean()


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
    network, rows = load_anatomy_network(args.weights), []
    for scan in labelled_scans(args.data):
        if args.only and scan.name not in args.only:
            continue
        prepared = prepare(scan.t1w, args.work / "volumes" / scan.name, stability=scan.name in VARIED)
        rows += rows_of(scan, prepared, network, args.phases, args.work)
    table = pd.DataFrame(rows)
    table.to_csv(args.work / "anatomy.tsv", sep="\t", index=False, float_format="%.5g")
    for count in args.phases:
        show(f"Manual labels, phases {count}", agreement_table(table, f"phases {count}"), 2)
    show("Dice with FreeSurfer", dice_table(table), 3)
    show("Volume, percent of FreeSurfer", volume_table(table), 1)
    show("Change with phases, masks and poses, percent", change_table(table), 1)
    show("Share of voxels on the right side", side_table(table), 4)
    show(
        "Cost by number of phases", cost_table(args.weights, prepared.folder / "given.nii.gz", args.phases), 2
    )


if __name__ == "__main__":
    main()
