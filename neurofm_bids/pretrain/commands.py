"""The commands ``neurofm-tools pretrain ...``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from neurofm_bids.errors import Exit, NeuroFMError

__all__ = ["add_commands"]


def add_commands(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``synthesize``, ``train``, ``export`` and ``evaluate`` to the actions of a parser."""
    synthesize = actions.add_parser("synthesize", help="write synthetic brains as a BIDS dataset, 1 mm")
    synthesize.add_argument("out", type=Path, help="a new folder")
    synthesize.add_argument("--n", type=int, default=10, help="number of people (default: 10)")
    synthesize.set_defaults(run=_synthesize)
    train = actions.add_parser("train", help="train a network on synthetic brains, or go on with it")
    train.add_argument("out", type=Path, help="folder of checkpoints and logs; its training is continued")
    train.add_argument("--variant", choices=("s", "m", "l"), default="s", help="architecture (default: s)")
    train.add_argument("--steps", type=int, default=7000, help="steps of the optimiser (default: 7000)")
    train.add_argument("--batch", type=int, default=4, help="samples per step (default: 4)")
    train.add_argument("--passes", type=int, default=2, help="times that a sample is shown (default: 2)")
    train.add_argument("--held-out", nargs="*", metavar="MAP", help="maps for validation only")
    train.add_argument("--device", default="cpu", help="cpu, cuda, cuda:N or mps (default: cpu)")
    train.add_argument("--workers", type=int, default=2, help="processes that make samples (default: 2)")
    train.add_argument("--smoke", action="store_true", help="a few steps on a few samples, to try it")
    train.set_defaults(run=_train)
    for parser in (synthesize, train):
        parser.add_argument("--maps", type=Path, required=True, help="folder of FreeSurfer label maps, 1 mm")
        parser.add_argument("--seed", type=int, default=20261124, help="of all draws")
        parser.add_argument("--cache", type=Path, help="folder of prepared maps (default: beside the output)")
    export = actions.add_parser("export", help="write the weights of a training as safetensors")
    export.add_argument("run_folder", type=Path, help="folder of a training")
    export.add_argument("target", type=Path, help="a .safetensors file to write")
    export.set_defaults(run=_export)
    _add_evaluation(actions)


def _add_evaluation(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    evaluate = actions.add_parser(
        "evaluate", help="compare predictions with the age, sex and volumes in participants.tsv"
    )
    evaluate.add_argument("bids_dir", type=Path, help="a raw BIDS dataset")
    evaluate.add_argument("out", type=Path, help="folder for prepared volumes, tables and the page")
    evaluate.add_argument("--model", default="open-s", help="default: open-s")
    evaluate.add_argument("--weights", type=Path, metavar="FILE", help="weights of the model")
    evaluate.add_argument("--views", type=int, default=8, help="views averaged per scan (default: 8)")
    evaluate.add_argument("--nprocs", type=int, default=1, help="scans prepared at once (default: 1)")
    evaluate.add_argument(
        "--stability", action="store_true", help="also under other masks, lattice phases and turns"
    )
    evaluate.set_defaults(run=_evaluate)


def _cache(options: argparse.Namespace) -> Path:
    out = options.out.absolute()
    return Path(options.cache or out.parent / f"{out.name}-maps")


def _synthesize(options: argparse.Namespace) -> Exit:
    from neurofm_bids.pretrain.anatomy import load_anatomies
    from neurofm_bids.pretrain.volumes import write_volumes

    if options.n < 1:
        raise NeuroFMError("--n has to be 1 or more", fix="Give the number of people.", code=Exit.USAGE)
    write_volumes(load_anatomies(options.maps, _cache(options)), options.n, options.out, options.seed)
    return Exit.OK


def _train(options: argparse.Namespace) -> Exit:
    from neurofm_bids.pretrain.recipe import SMOKE, Recipe
    from neurofm_bids.pretrain.runs import train

    chosen = {"variant": options.variant, "seed": options.seed, "passes": options.passes}
    chosen |= {"steps": options.steps, "batch": options.batch}
    if options.held_out is not None:
        chosen["held_out"] = tuple(options.held_out)
    if options.smoke:
        chosen |= SMOKE
    train(
        Recipe(**chosen),
        options.maps,
        options.out,
        cache=_cache(options),
        device=options.device,
        workers=options.workers,
    )
    return Exit.OK


def _export(options: argparse.Namespace) -> Exit:
    from neurofm_bids.pretrain.runs import export

    export(options.run_folder, options.target)
    return Exit.OK


def _evaluate(options: argparse.Namespace) -> Exit:
    from neurofm_bids.model.weights import identify
    from neurofm_bids.pretrain.evaluation import evaluate
    from neurofm_bids.pretrain.evaluation_report import write_evaluation

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
        raise NeuroFMError(
            "no scan could be evaluated", where=options.bids_dir, fix="See the messages above."
        )
    page = write_evaluation(
        scans, failed, options.out, model=options.model, sha256=sha256, views=options.views
    )
    sys.stdout.write(f"{page}\n")
    return Exit.SOME_FAILED if failed else Exit.OK
