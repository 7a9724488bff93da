"""Effective dimension of features and regional volumes over people, and what linear probes read from them.

    python -m benchmarks.dimension synthetic FOLDER WEIGHTS
    python -m benchmarks.dimension real BIDS OUT WEIGHTS FEATURE-WEIGHTS [--labels FOLDER]

"synthetic" reads what benchmarks/planted_effect.py wrote into FOLDER with these weights of the segmentation
network: people of held-out label maps, those without the effect; known volumes are those of the generator.
"real" processes every T1w of a BIDS dataset once (OUT/volumes, and rows in OUT/regions-HASH.tsv and
OUT/features-HASH.tsv, by the hash of the weights, so that it resumes); known volumes are those of label
images. Prints participation ratios, and without --labels no more; else the correlation of known volumes and
shares of the brain with predictions of ridge regressions, cross-validated over people. A ratio of n scans is
at most n - 1: compare those of equal n only.
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
from neurofm_bids.anatomy.weights import load_anatomy_model
from neurofm_bids.bids.discovery import Scan
from neurofm_bids.config import Processing
from neurofm_bids.errors import NeuroFMError
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
OUTPUT_SET, FEATURE_SET, WITH_VOLUMES = "four outputs", "features", "features and volumes"
FEATURE_NAMES = PEOPLE[-FEATURES:]


@dataclass(frozen=True)
class Sample:
    """Scans: their people, outputs on linear scales, features, segmented and known volumes in ml."""

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
            OUTPUT_SET: self.outputs,
            FEATURE_SET: self.features,
            "regional volumes": volumes,
            "regional shares": shares,
            WITH_VOLUMES: np.hstack([self.features, volumes]),
        }

    def segmented(self) -> np.ndarray:
        """Return the segmented volumes of KNOWN in ml, (n, 16)."""
        return in_order([predicted_ml(1000 * one) for one in self.regions])


def synthetic_sample(folder: Path, weights: Path) -> Sample:
    people = GrowingTable(folder / "people.tsv", PEOPLE)
    regions = GrowingTable(folder / f"regions-{digest(weights)}.tsv", ("person", *NAMES))
    keys = [key for key, row in people.rows.items() if row["effect"] == "0" and key in regions.rows]
    true = values(people, keys, [f"true_{name}" for name in NAMES])
    known = in_order([predicted_ml(1000 * one) for one in true])
    outputs, features = (values(people, keys, columns) for columns in (OUTPUTS, FEATURE_NAMES))
    return Sample(keys, linear(outputs), features, values(regions, keys, NAMES), known)


def real_sample(
    bids: Path, out: Path, encoding: Path, segmenting: Path | None, labels: Path | None
) -> Sample:
    """Return every T1w of a dataset, encoded and segmented, by default with the bundled open-anatomy."""
    scans, failed = select_scans(bids, out)
    print(f"{len(scans)} scans; cannot be used: {failed}", flush=True)
    segmentation = load_anatomy_model(segmenting)
    regions = GrowingTable(out / f"regions-{segmentation.sha256[:12]}.tsv", ("scan", *NAMES))
    encoded = GrowingTable(out / f"features-{digest(encoding)}.tsv", ("scan", *OUTPUTS, *FEATURE_NAMES))
    encoder = Encoder(load_model(Processing.model, encoding), Processing(weights=encoding))
    measured = []
    for scan in scans:
        if scan.stem not in regions.rows or scan.stem not in encoded.rows:
            try:
                volume = prepare(scan.path, out / "volumes" / scan.stem, stability=False).volume()
            except NeuroFMError as error:
                print(f"{scan.stem} failed: {error}", flush=True)
                continue
            if scan.stem not in regions.rows:
                volumes = segment(volume, segmentation.network).volumes_mm3[: len(REGIONS)]
                add(regions, scan, volumes / 1000)
            if scan.stem not in encoded.rows:
                result = encoder.encode(volume)
                outputs = [result.predictions[name].value for name in TARGETS]
                add(encoded, scan, [*outputs, *result.features])
        measured.append(scan)
    keys = [scan.stem for scan in measured]
    outputs, features = (values(encoded, keys, columns) for columns in (OUTPUTS, FEATURE_NAMES))
    known = np.array([known_ml(labels, scan) for scan in measured])
    people = [f"{bids.name} {scan.subject}" for scan in measured]
    return Sample(people, linear(outputs), features, values(regions, keys, NAMES), known)


def add(table: GrowingTable, scan: Scan, numbers: Sequence[float]) -> None:
    table.append(dict(zip(table.columns, (scan.stem, *map(float, numbers)), strict=True)))


def known_ml(labels: Path | None, scan: Scan) -> list[float]:
    """Return the volumes of KNOWN from the label images of a scan, NaN without one."""
    paths = find_label_images(labels, scan) if labels else []
    volumes = read_label_image(paths).volumes_ml() if paths else dict.fromkeys(KNOWN, float("nan"))
    return [volumes[name] for name in KNOWN]


def linear(outputs: np.ndarray) -> np.ndarray:
    """Return age, log-odds of male and logarithms of volumes, (n, 4)."""
    age, male, lateral, brain = outputs.T
    return np.column_stack([age, np.log(male / (1 - male)), np.log(lateral), np.log(brain)])


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
        "segmented volume, not fitted": correlations(with_shares(sample.segmented()[complete]), targets)
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
    real.set_defaults(sample=lambda o: real_sample(o.bids, o.out, o.features, o.weights, o.labels))
    for command in (synthetic, real):
        command.add_argument("weights", type=Path)
    real.add_argument("features", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    sample = options.sample(options)
    print_dimensions(sample)
    print_probes(sample)


if __name__ == "__main__":
    main()
