"""Settings of the commands of pretraining, whose fields are their options."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from neurofm_bids.config import ANATOMY_PHASES
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.option import WholeNumber, option
from neurofm_bids.pretrain.training.recipe import Recipe

__all__ = ["AnatomyEvaluation", "Calibration", "Evaluation", "Synthesis", "Training"]

_ANY_PROTOCOL = "auto"


def _label_maps() -> tuple[Path, ...]:
    """Return the folders of label maps that the environment names."""
    if "NEUROFM_LABEL_MAPS" not in os.environ:
        raise NeuroFMError(
            "no folder of label maps given",
            fix="Use --maps, or set NEUROFM_LABEL_MAPS.",
            code=Exit.USAGE,
        )
    return tuple(map(Path, os.environ["NEUROFM_LABEL_MAPS"].split(os.pathsep)))


@dataclass(frozen=True, kw_only=True)
class _LabelMaps:
    """What synthesis and training need to generate samples from label maps."""

    out: Path
    maps: tuple[Path, ...] = option(
        "--maps",
        convert=Path,
        detect=_label_maps,
        many=True,
        metavar="FOLDER",
        default_text="NEUROFM_LABEL_MAPS",
        help="folders of FreeSurfer label maps, 1 mm",
    )
    device: str = option("--device", default="cpu", help="cpu, cuda or cuda:N")
    cache: Path | None = option(
        "--cache",
        default=None,
        convert=Path,
        default_text="OUT-maps",
        help="folder of prepared label maps, 0.25 GB each",
    )

    @property
    def cache_folder(self) -> Path:
        """The folder of prepared label maps."""
        out = self.out.absolute()
        return self.cache or out.with_name(f"{out.name}-maps")


@dataclass(frozen=True, kw_only=True)
class Synthesis(_LabelMaps):
    """A dataset of synthetic participants."""

    out: Path = option(convert=Path, help="new folder, or one of the same label maps and seed")
    n: int = option("--n", default=10, convert=WholeNumber(), help="number of participants")
    seed: int = option("--seed", default=Recipe.seed, convert=int, help="random seed")


@dataclass(frozen=True, kw_only=True)
class Training(_LabelMaps):
    """Where a recipe is trained; several processes share the folder ``out``."""

    out: Path = option(convert=Path, help="folder of the checkpoint and log; resumed if it exists")
    init: Path | None = option(
        "--init", default=None, convert=Path, metavar="FILE", default_text="random", help="initial weights"
    )
    workers: int = option(
        "--workers",
        default=2,
        convert=WholeNumber(lowest=0),
        help="processes that generate samples; 0 for none",
    )
    every: int = 100  # steps between checkpoints
    smoke: bool = option("--smoke", default=False, help="quick test: a few steps on a few samples")


@dataclass(frozen=True, kw_only=True)
class Calibration(_LabelMaps):
    """Synthetic brains by which weights are calibrated; ``out`` is the file of the weights."""

    out: Path = option(convert=Path, help=".safetensors file of trained weights, which is rewritten")
    n: int = option("--n", default=200, convert=WholeNumber(lowest=20), help="number of synthetic brains")
    workers: int = option(
        "--workers",
        default=1,
        convert=WholeNumber(lowest=0),
        help="processes that generate brains; 0 for none",
    )


@dataclass(frozen=True, kw_only=True)
class _Evaluated:
    """A dataset on which weights are evaluated."""

    bids_dir: Path = option(convert=Path, help="a raw BIDS dataset")
    out: Path = option(convert=Path, help="folder for preprocessed volumes, tables and the report")
    nprocs: int = option("--nprocs", default=1, convert=WholeNumber(), help="scans preprocessed in parallel")
    stability: bool = option(
        "--stability",
        default=False,
        help="also use other brain masks, lattice phases and rotations; with --labels, also larger voxels, "
        "noise and a bias field",
    )


@dataclass(frozen=True, kw_only=True)
class Evaluation(_Evaluated):
    """A dataset on which a model is evaluated.

    Its ``participants.tsv`` may have the columns ``age``, ``sex``, ``brain_volume_mm3``,
    ``ventricular_volume_mm3`` and ``stripping``.
    """


@dataclass(frozen=True, kw_only=True)
class AnatomyEvaluation(_Evaluated):
    """A dataset on which the segmentation network is evaluated."""

    weights: Path | None = None
    labels: Path | None = option(
        "--labels",
        default=None,
        convert=Path,
        metavar="FOLDER",
        help="derivatives with label images (dseg), with which the segmentations of --weights are compared",
    )
    protocol: str = option(
        "--protocol",
        default=_ANY_PROTOCOL,
        choices=(_ANY_PROTOCOL, "freesurfer", "neuromorphometrics"),
        help="codes of the label images",
    )
    phases: int = option(
        "--phases", default=2, convert=int, choices=ANATOMY_PHASES, help="lattice phases of a segmentation"
    )

    @property
    def protocol_name(self) -> str | None:
        """Name of the protocol, None to detect it."""
        return None if self.protocol == _ANY_PROTOCOL else self.protocol

    @property
    def inputs(self) -> tuple[Path, Path]:
        """Folder of label images, and file of weights.

        Raises
        ------
        NeuroFMError
            One of them is not given.
        """
        if self.labels is None or self.weights is None:
            raise NeuroFMError(
                "the evaluation of a segmentation network needs label images and weights",
                fix="Use --labels and --weights.",
                code=Exit.USAGE,
            )
        return self.labels.absolute(), self.weights
