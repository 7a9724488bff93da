"""Evaluation of the segmentation network on a BIDS dataset, with label images if there are any."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.anatomy.segmentation import Segmentation, segment
from neurofm_bids.anatomy.weights import load_anatomy_network
from neurofm_bids.bids.discovery import Scan
from neurofm_bids.config import ANATOMY_PHASES
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.pretrain.evaluation.acquisitions import prepare_acquisitions
from neurofm_bids.pretrain.evaluation.anatomy_summary import MEASURED, MeasuredStructure, SegmentedScan
from neurofm_bids.pretrain.evaluation.label_image import LabelImage, find_label_images, read_label_image
from neurofm_bids.pretrain.evaluation.metrics import dice
from neurofm_bids.pretrain.evaluation.perturbations import rotations
from neurofm_bids.pretrain.evaluation.prepared_scan import PreparedScan, prepare
from neurofm_bids.pretrain.evaluation.protocols import COMPARED, FREESURFER, predicted_ml
from neurofm_bids.pretrain.evaluation.scans import evaluate_each, in_processes, select_scans
from neurofm_bids.pretrain.settings import AnatomyEvaluation

if TYPE_CHECKING:
    from torch import nn

__all__ = ["evaluate_anatomy", "measure_structures", "repeated_volumes"]

_ANGLE = 5.0
_SHIFTS = {"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1)}
_Volumes = dict[str, float]


def evaluate_anatomy(settings: AnatomyEvaluation) -> tuple[list[SegmentedScan], dict[str, str]]:
    """Process and segment every T1w of a dataset; return the segmented scans, and the failures by scan.

    Preprocessed volumes stay in ``out/volumes``, so that other weights are quick to compare.

    Raises
    ------
    NeuroFMError
        There is no dataset, no scan has a label image and stability is not evaluated, or the weights cannot
        be used.
    """
    labels_folder, weights = settings.inputs
    scans, failed = select_scans(settings.bids_dir, settings.out)
    label_paths = {scan: find_label_images(labels_folder, scan) for scan in scans}
    if not (any(label_paths.values()) or settings.stability):
        raise NeuroFMError(
            "no scan has a label image (dseg) in its space",
            where=labels_folder,
            fix="Check --labels, or use --stability, which needs none.",
            code=Exit.NO_INPUT,
        )
    network = load_anatomy_network(weights)
    folder = settings.out.absolute() / "volumes"
    calls = [_Call(scan.path, folder / scan.stem, settings.stability) for scan in scans]

    def evaluate(scan: Scan, prepared: _Prepared) -> SegmentedScan:
        paths = label_paths[scan]
        labels = read_label_image(paths, settings.protocol_name) if paths else None
        return _evaluate(scan, prepared, labels, network, settings.phases)

    return evaluate_each(scans, in_processes(_prepare, calls, settings.nprocs), evaluate, failed)


@dataclass(frozen=True)
class _Call:
    path: Path
    folder: Path
    stability: bool


@dataclass(frozen=True)
class _Prepared:
    """A scan as it is, and as other acquisitions would show it, by name; None without stability."""

    scan: PreparedScan
    acquisitions: Mapping[str, PreparedScan] | None


def _prepare(call: _Call) -> _Prepared:
    scan = prepare(call.path, call.folder, stability=call.stability)
    others = prepare_acquisitions(call.path, call.folder / "acquisitions") if call.stability else None
    return _Prepared(scan, others)


def _evaluate(
    scan: Scan, prepared: _Prepared, labels: LabelImage | None, network: nn.Module, phases: int
) -> SegmentedScan:
    found = segment(prepared.scan.volume(), network, phases)
    repeats: dict[str, _Volumes] = {}
    if prepared.acquisitions is not None:
        repeats |= repeated_volumes(prepared.scan, network, phases)
        for name, other in prepared.acquisitions.items():
            repeats[name] = _volumes_ml(other.volume(), network, phases)
    structures = measure_structures(found, prepared.scan, labels)
    return SegmentedScan(scan.stem, scan.subject, scan.session or "", structures, repeats)


def repeated_volumes(prepared: PreparedScan, network: nn.Module, phases: int) -> dict[str, _Volumes]:
    """Return volumes in ml with other masks, rotated, shifted by 1 mm and with other numbers of phases."""
    given = prepared.volume()
    volumes = {name: _volumes_ml(other, network, phases) for name, other in _variants(prepared, given)}
    counts = [count for count in ANATOMY_PHASES if count != phases]
    return volumes | {_phase_name(count): _volumes_ml(given, network, count) for count in counts}


def _phase_name(count: int) -> str:
    return "1 phase" if count == 1 else f"{count} phases"


def _variants(
    prepared: PreparedScan, volume: NDArray[np.float32]
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for mask in prepared.other_masks:
        yield f"mask {mask}", prepared.volume(mask)
    for axis, turned in zip("xyz", rotations(volume, [(axis, _ANGLE) for axis in "xyz"]), strict=True):
        yield f"rotated {_ANGLE:.0f} degrees about {axis}", turned
    for axis, shift in _SHIFTS.items():
        yield f"shifted 1 mm along {axis}", np.roll(volume, shift, axis=(0, 1, 2))


def _volumes_ml(volume: NDArray[np.float32], network: nn.Module, phases: int) -> _Volumes:
    return predicted_ml(segment(volume, network, phases).volumes_mm3[:-1])


def measure_structures(
    found: Segmentation, prepared: PreparedScan, labels: LabelImage | None
) -> dict[str, MeasuredStructure]:
    """Compare a segmentation with the labels of a scan; what they would give is NaN without them."""
    volumes, counted = predicted_ml(found.volumes_mm3[:-1]), FREESURFER.volumes_ml(found.labels, 1.0)
    certain = predicted_ml((found.volumes_mm3 * found.confidence)[:-1])
    by_phase = [predicted_ml(phase[:-1]) for phase in found.by_phase_mm3]
    known: Mapping[str, float] = labels.volumes_ml() if labels else {}
    overlap = _dice(labels, prepared, found) if labels else {}
    return {
        name: MeasuredStructure(
            known_ml=known.get(name, math.nan),
            volume_ml=volumes[name],
            voxels_ml=counted[name],
            spread_ml=_sd([phase[name] for phase in by_phase]),
            confidence=certain[name] / volumes[name] if volumes[name] > 0 else 0.0,
            dice=overlap.get(name, math.nan),
        )
        for name in MEASURED
    }


def _sd(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


def _dice(labels: LabelImage, prepared: PreparedScan, found: Segmentation) -> dict[str, float]:
    true = labels.protocol.structures(labels.on_grid(prepared))
    overlaps = dice(true, FREESURFER.structures(found.labels), len(COMPARED))
    return dict(zip(COMPARED, overlaps.tolist(), strict=True))
