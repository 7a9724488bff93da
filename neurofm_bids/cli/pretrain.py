"""The commands of ``neurofm-tools pretrain``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurofm_bids.cli.arguments import Commands, add_command, add_options, safetensors_path
from neurofm_bids.config import Processing
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.option import make, option
from neurofm_bids.pretrain.settings import (
    AnatomyEvaluation,
    Calibration,
    Evaluation,
    Synthesis,
    Training,
)
from neurofm_bids.pretrain.training.recipe import SMOKE, Recipe

__all__ = ["add_commands"]

_OF_SEGMENTATIONS, _OF_FEATURES = ("labels", "protocol", "phases"), ("model", "views")


@dataclass(frozen=True)
class _Export:
    run_folder: Path = option(convert=Path, help="folder of the training")
    target: Path = option(convert=safetensors_path, help=".safetensors file to write")


def add_commands(commands: Commands) -> None:
    """Add ``synthesize``, ``train``, ``export``, ``calibrate``, ``evaluate`` to the commands of a parser."""
    about = "write synthetic brains as a BIDS dataset, 1 mm"
    add_command(commands, "synthesize", about, _synthesize, Synthesis)
    about = "train a network on synthetic brains, or resume"
    add_command(commands, "train", about, _train, Training, Recipe)
    add_command(commands, "export", "write the trained weights as safetensors", _export, _Export)
    about = "correct ages, or give intervals to volumes of a segmentation network, by held-out label maps"
    add_command(commands, "calibrate", about, _calibrate, Calibration)
    about = (
        "compare predictions with the age, sex and volumes in participants.tsv, or segmentations with labels"
    )
    parser = add_command(commands, "evaluate", about, _evaluate, Evaluation)
    add_options(parser, Processing, "model", "weights", "views")
    add_options(parser, AnatomyEvaluation, *_OF_SEGMENTATIONS)


def _synthesize(given: Mapping[str, Any]) -> Exit:
    from neurofm_bids.pretrain.synthesis.bids_dataset import write_dataset

    write_dataset(make(Synthesis, given))
    return Exit.OK


def _train(given: Mapping[str, Any]) -> Exit:
    from neurofm_bids.pretrain.training.run import train

    settings = make(Training, given)
    train(make(Recipe, {**(SMOKE if settings.smoke else {}), **given}), settings)
    return Exit.OK


def _export(given: Mapping[str, Any]) -> Exit:
    from neurofm_bids.pretrain.training.run import export

    settings = make(_Export, given)
    export(settings.run_folder, settings.target)
    sys.stdout.write(f"{settings.target}\n")
    return Exit.OK


def _calibrate(given: Mapping[str, Any]) -> Exit:
    from neurofm_bids.pretrain.training.calibration import calibrate

    settings = make(Calibration, given)
    calibrate(settings)
    sys.stdout.write(f"{settings.out}\n")
    return Exit.OK


def _evaluate(given: Mapping[str, Any]) -> Exit:
    is_segmentation = "labels" in given
    for name in _OF_FEATURES if is_segmentation else _OF_SEGMENTATIONS:
        if name in given:
            together = "cannot be used with" if is_segmentation else "needs"
            raise NeuroFMError(f"--{name} {together} --labels", fix="Leave it out.", code=Exit.USAGE)
    report, failed = _evaluate_anatomy(given) if is_segmentation else _evaluate_features(given)
    if report is None:
        raise NeuroFMError("no scan could be evaluated", where=given["bids_dir"], fix="See the errors above.")
    sys.stdout.write(f"{report}\n")
    return Exit.SOME_FAILED if failed else Exit.OK


def _evaluate_features(given: Mapping[str, Any]) -> tuple[Path | None, dict[str, str]]:
    """Return the report, None if no scan could be evaluated, and the failures by scan."""
    from neurofm_bids.model.weights import identify
    from neurofm_bids.pretrain.evaluation.dataset import evaluate
    from neurofm_bids.pretrain.evaluation.report import write_evaluation

    settings, processing = make(Evaluation, given), make(Processing, given)
    _, sha256 = identify(processing.model, processing.weights)
    scans, failed = evaluate(settings, processing)
    return write_evaluation(scans, failed, settings.out, processing, sha256) if scans else None, failed


def _evaluate_anatomy(given: Mapping[str, Any]) -> tuple[Path | None, dict[str, str]]:
    """Return the same for segmentations."""
    from neurofm_bids.pretrain.evaluation.anatomy import evaluate_anatomy
    from neurofm_bids.pretrain.evaluation.anatomy_report import write_anatomy_evaluation

    settings = make(AnatomyEvaluation, given)
    scans, failed = evaluate_anatomy(settings)
    return write_anatomy_evaluation(scans, failed, settings) if scans else None, failed
