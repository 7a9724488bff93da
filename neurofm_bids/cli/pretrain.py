"""The commands of ``neurofm-tools pretrain``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from neurofm_bids.cli.arguments import positive
from neurofm_bids.errors import Exit, NeuroFMError

__all__ = ["add_commands"]


def add_commands(actions: argparse._SubParsersAction[Any]) -> None:
    """Add ``synthesize``, ``train``, ``export`` and ``evaluate`` to the actions of a parser."""
    synthesize = actions.add_parser("synthesize", help="write synthetic brains as a BIDS dataset, 1 mm")
    synthesize.add_argument("out", type=Path, help="new folder, or one of the same label maps and seed")
    synthesize.add_argument("--n", type=positive, default=10, help="number of participants (default: 10)")
    synthesize.set_defaults(run=_synthesize)
    train = actions.add_parser("train", help="train a network on synthetic brains, or resume")
    train.add_argument("out", type=Path, help="folder of the checkpoint and log; resumed if it exists")
    train.add_argument("--variant", choices=("s", "m", "l"), help="architecture (default: s)")
    train.add_argument("--steps", type=positive, help="optimiser steps (default: 7000)")
    train.add_argument(
        "--batch", dest="batch_size", type=positive, help="samples per step of all processes (default: 4)"
    )
    train.add_argument("--passes", type=positive, help="number of times each sample is used (default: 2)")
    train.add_argument(
        "--precision", choices=("bfloat16", "float32"), help="precision of the blocks (default: bfloat16)"
    )
    train.add_argument("--init", type=Path, metavar="FILE", help="initial weights (default: random)")
    train.add_argument("--learning-rate", type=float, help="peak learning rate (default: 0.002)")
    train.add_argument(
        "--held-out", nargs="+", metavar="MAP", help="label maps not trained on (default: the last fifth)"
    )
    train.add_argument(
        "--workers", type=int, default=2, help="processes that generate samples; 0 for none (default: 2)"
    )
    train.add_argument("--smoke", action="store_true", help="quick test: a few steps on a few samples")
    train.set_defaults(run=_train)
    for parser in (synthesize, train):
        parser.add_argument(
            "--maps",
            type=Path,
            default=os.environ.get("NEUROFM_LABEL_MAPS"),
            help="folder of FreeSurfer label maps, 1 mm (default: NEUROFM_LABEL_MAPS)",
        )
        parser.add_argument("--seed", type=int, default=20261124, help="random seed (default: 20261124)")
        parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (default: cpu)")
        parser.add_argument(
            "--cache", type=Path, help="folder of prepared label maps, 0.2 GB each (default: OUT-maps)"
        )
    export = actions.add_parser("export", help="write the trained weights as safetensors")
    export.add_argument("run_folder", type=Path, help="folder of the training")
    export.add_argument("target", type=Path, help=".safetensors file to write")
    export.set_defaults(run=_export)
    _add_evaluation(actions)


def _add_evaluation(actions: argparse._SubParsersAction[Any]) -> None:
    evaluate = actions.add_parser(
        "evaluate", help="compare predictions with the age, sex and volumes in participants.tsv"
    )
    evaluate.add_argument("bids_dir", type=Path, help="a raw BIDS dataset")
    evaluate.add_argument("out", type=Path, help="folder for preprocessed volumes, tables and the report")
    evaluate.add_argument("--model", default="open-s", help="model to evaluate (default: open-s)")
    evaluate.add_argument("--weights", type=Path, metavar="FILE", help="weights of the model")
    evaluate.add_argument("--views", type=positive, default=8, help="passes averaged per scan (default: 8)")
    evaluate.add_argument(
        "--nprocs", type=positive, default=1, help="scans preprocessed in parallel (default: 1)"
    )
    evaluate.add_argument(
        "--stability", action="store_true", help="also use other brain masks, lattice phases and rotations"
    )
    evaluate.set_defaults(run=_evaluate)


def _maps(options: argparse.Namespace) -> tuple[Path, Path]:
    """Return the folder of label maps and the folder of prepared ones."""
    if options.maps is None:
        raise NeuroFMError(
            "no folder of label maps given",
            fix="Use --maps, or set NEUROFM_LABEL_MAPS.",
            code=Exit.USAGE,
        )
    out = options.out.absolute()
    return Path(options.maps), Path(options.cache or out.parent / f"{out.name}-maps")


def _synthesize(options: argparse.Namespace) -> Exit:
    from neurofm_bids.pretrain.synthesis.bids_dataset import write_dataset

    maps, cache = _maps(options)
    write_dataset(maps, options.n, options.out, cache=cache, seed=options.seed, device=options.device)
    return Exit.OK


def _train(options: argparse.Namespace) -> Exit:
    from neurofm_bids.pretrain.training.recipe import SMOKE, Recipe
    from neurofm_bids.pretrain.training.run import train

    names = ("variant", "steps", "batch_size", "passes", "precision", "learning_rate", "seed")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    if options.held_out is not None:
        given["held_out"] = tuple(options.held_out)
    if options.workers < 0:
        raise NeuroFMError(f"--workers is {options.workers}", fix="Give 0 or more.", code=Exit.USAGE)
    maps, cache = _maps(options)
    recipe = Recipe(**{**(SMOKE if options.smoke else {}), **given})
    train(
        recipe,
        maps,
        options.out,
        cache=cache,
        initial=options.init,
        device=options.device,
        workers=options.workers,
    )
    return Exit.OK


def _export(options: argparse.Namespace) -> Exit:
    from neurofm_bids.pretrain.training.run import export

    if options.target.suffix != ".safetensors":
        raise NeuroFMError(
            "the name must end in .safetensors", where=options.target, fix="Rename it.", code=Exit.USAGE
        )
    export(options.run_folder, options.target)
    sys.stdout.write(f"{options.target}\n")
    return Exit.OK


def _evaluate(options: argparse.Namespace) -> Exit:
    from neurofm_bids.model.weights import identify
    from neurofm_bids.pretrain.evaluation.dataset import evaluate
    from neurofm_bids.pretrain.evaluation.report import write_evaluation

    _, sha256 = identify(options.model, options.weights)
    scans, failed = evaluate(
        options.bids_dir,
        options.out,
        model=options.model,
        weights=options.weights,
        views=options.views,
        nprocs=options.nprocs,
        stability=options.stability,
    )
    if not scans:
        raise NeuroFMError("no scan could be evaluated", where=options.bids_dir, fix="See the errors above.")
    report = write_evaluation(
        scans, failed, options.out, model=options.model, sha256=sha256, views=options.views
    )
    sys.stdout.write(f"{report}\n")
    return Exit.SOME_FAILED if failed else Exit.OK
