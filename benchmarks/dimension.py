"""Effective dimension of features and regional volumes over people, and what linear probes read from them.

    python -m benchmarks.dimension synthetic FOLDER WEIGHTS
    python -m benchmarks.dimension real BIDS OUT WEIGHTS [--labels FOLDER]

"synthetic" reads what benchmarks/planted_effect.py wrote into FOLDER with these weights of the segmentation
network: people of held-out label maps, those without the effect; known volumes are those of the generator.
"real" processes every T1w of a BIDS dataset once (OUT/volumes, and a row in OUT/scans-HASH.tsv, so that it
resumes); known volumes are those of label images. Prints participation ratios, and without --labels no more;
else the correlation of known volumes and shares of the brain with predictions of ridge regressions,
cross-validated over people. A ratio of n scans is at most n - 1: compare those of equal n only.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.planted_effect import FEATURES, NAMES, PEOPLE, values
from neurofm_bids.anatomy.regions import REGIONS
from neurofm_bids.anatomy.segmentation import segment
from neurofm_bids.anatomy.weights import load_anatomy_network
from neurofm_bids.config import Processing
from neurofm_bids.model.encoder import Encoder
from neurofm_bids.model.weights import load_model
from neurofm_bids.pretrain.evaluation.dimension import participation_ratio
from neurofm_bids.pretrain.evaluation.growing_table import GrowingTable
from neurofm_bids.pretrain.evaluation.label_image import find_label_images, read_label_image
from neurofm_bids.pretrain.evaluation.prepared_scan import prepare
from neurofm_bids.pretrain.evaluation.probes import ridge_predictions
from neurofm_bids.pretrain.evaluation.protocols import COMPARED, predicted_ml
from neurofm_bids.pretrain.evaluation.scans import select_scans
from neurofm_bids.pretrain.evaluation.summary import TARGETS
from neurofm_bids.pretrain.synthesis.population import TISSUE
from neurofm_bids.storage.atomic import file_sha256

KNOWN = (*COMPARED, "brain")
OUTPUTS = tuple(f"output_{name}" for name in TARGETS)
FEATURE_NAMES = PEOPLE[-FEATURES:]
SCANS = ("scan", "participant", *(f"known_{k}" for k in KNOWN), *OUTPUTS, *FEATURE_NAMES, *NAMES)


@dataclass(frozen=True)
class Sample:
    """Scans: to whom they belong, outputs and features of open-s, volumes of regions, known volumes in ml."""

    people: Sequence[str]
    outputs: np.ndarray
    features: np.ndarray
    regions: np.ndarray
    known: np.ndarray

    def sets(self) -> Mapping[str, np.ndarray]:
        """Return the sets of numbers that are compared, with logarithms of volumes."""
        volumes = np.log(np.maximum(self.regions, 1e-3))
        shares = volumes - np.log(self.regions[:, TISSUE].sum(axis=1, keepdims=True))
        return {
            "four outputs": self.outputs,
            "features": self.features,
            "regional volumes": volumes,
            "regional shares": shares,
            "features and volumes": np.hstack([self.features, volumes]),
        }


def synthetic_sample(folder: Path, weights: Path) -> Sample:
    people = GrowingTable(folder / "people.tsv", PEOPLE)
    regions = GrowingTable(folder / f"regions-{digest(weights)}.tsv", ("person", *NAMES))
    keys = [key for key, row in people.rows.items() if row["effect"] == "0" and key in regions.rows]
    true = values(people, keys, [f"true_{name}" for name in NAMES])
    known = in_order([predicted_ml(1000 * one) for one in true])
    outputs, features = (values(people, keys, columns) for columns in (OUTPUTS, FEATURE_NAMES))
    return Sample(keys, outputs, features, values(regions, keys, NAMES), known)


def real_sample(bids: Path, out: Path, weights: Path, labels: Path | None) -> Sample:
    scans, failed = select_scans(bids, out)
    print(f"{len(scans)} scans; cannot be used: {failed}", flush=True)
    table = GrowingTable(out / f"scans-{digest(weights)}.tsv", SCANS)
    encoder, network = (
        Encoder(load_model(Processing.model, None), Processing()),
        load_anatomy_network(weights),
    )
    for scan in scans:
        if scan.stem in table.rows:
            continue
        volume = prepare(scan.path, out / "volumes" / scan.stem, stability=False).volume()
        encoding, found = encoder.encode(volume), segment(volume, network)
        paths = find_label_images(labels, scan) if labels else []
        known = read_label_image(paths).volumes_ml() if paths else dict.fromkeys(KNOWN, float("nan"))
        outputs = [encoding.predictions[name].value for name in TARGETS]
        volumes = found.volumes_mm3[: len(REGIONS)] / 1000
        numbers = (*(known[k] for k in KNOWN), *outputs, *encoding.features, *volumes)
        row = (scan.stem, scan.subject, *map(float, numbers))
        table.append(dict(zip(SCANS, row, strict=True)))
        print(scan.stem, flush=True)
    keys = [scan.stem for scan in scans]
    groups = (OUTPUTS, FEATURE_NAMES, NAMES)
    known = np.array([[number(table.rows[key][f"known_{k}"]) for k in KNOWN] for key in keys])
    people = [table.rows[key]["participant"] for key in keys]
    return Sample(people, *(values(table, keys, columns) for columns in groups), known)


def number(text: str) -> float:
    return float("nan") if text == "n/a" else float(text)


def digest(weights: Path) -> str:
    return file_sha256(weights)[:12]


def print_dimensions(sample: Sample) -> None:
    print(f"\n{len(sample.people)} scans of {len(set(sample.people))} people\n")
    print("| Set | numbers | participation ratio | not standardised |\n| --- | --- | --- | --- |")
    for name, numbers in sample.sets().items():
        ratios = (participation_ratio(numbers, standardised=s) for s in (True, False))
        print(f"| {name} | {numbers.shape[1]} | {' | '.join(f'{ratio:.1f}' for ratio in ratios)} |")


def print_probes(sample: Sample) -> None:
    complete = np.isfinite(sample.known).all(axis=1)
    people = [person for person, one in zip(sample.people, complete, strict=True) if one]
    if not people:
        return
    targets = with_shares(sample.known[complete])
    columns = {
        "segmented volume, not fitted": correlations(segmented_targets(sample.regions[complete]), targets)
    }
    for name, numbers in sample.sets().items():
        columns[name] = correlations(ridge_predictions(numbers[complete], targets, people), targets)
    print(f"\nr of known volume / of share of the brain, {len(people)} scans\n")
    print(f"| Structure | {' | '.join(columns)} |\n|{' --- |' * (len(columns) + 1)}")
    for index, name in enumerate(KNOWN):
        share = len(KNOWN) + index
        cells = (
            f"{r[index]:.2f} / {r[share]:.2f}" if share < len(r) else f"{r[index]:.2f}"
            for r in columns.values()
        )
        print(f"| {name.replace('_', ' ')} | {' | '.join(cells)} |")


def segmented_targets(regions: np.ndarray) -> np.ndarray:
    return with_shares(in_order([predicted_ml(1000 * one) for one in regions]))


def in_order(volumes: Sequence[Mapping[str, float]]) -> np.ndarray:
    """Return the volumes of KNOWN, (n, 16)."""
    return np.array([[one[name] for name in KNOWN] for one in volumes])


def with_shares(volumes: np.ndarray) -> np.ndarray:
    """Return logarithms of the volumes of KNOWN, and of their shares of the brain, (n, 31)."""
    logs = np.log(np.maximum(volumes, 1e-3))
    return np.hstack([logs, logs[:, :-1] - logs[:, -1:]])


def correlations(found: np.ndarray, known: np.ndarray) -> list[float]:
    return [float(np.corrcoef(a, b)[0, 1]) for a, b in zip(found.T, known.T, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(required=True)
    synthetic = commands.add_parser("synthetic")
    synthetic.add_argument("folder", type=Path)
    synthetic.set_defaults(sample=lambda o: synthetic_sample(o.folder, o.weights))
    real = commands.add_parser("real")
    real.add_argument("bids", type=Path)
    real.add_argument("out", type=Path)
    real.add_argument("--labels", type=Path)
    real.set_defaults(sample=lambda o: real_sample(o.bids, o.out, o.weights, o.labels))
    for command in (synthetic, real):
        command.add_argument("weights", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    sample = options.sample(options)
    print_dimensions(sample)
    print_probes(sample)


if __name__ == "__main__":
    main()
