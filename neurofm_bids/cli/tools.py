"""The command ``neurofm-tools``: helpers around the main command."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from neurofm_bids import __version__
from neurofm_bids.cli.arguments import Parser
from neurofm_bids.cli.pretrain import add_commands as add_pretraining
from neurofm_bids.errors import Exit, NeuroFMError

__all__ = ["get_parser", "main"]

_log = logging.getLogger("neurofm_bids")


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``neurofm-tools`` and return its exit code."""
    logging.basicConfig(format="%(levelname)s %(message)s")
    _log.setLevel(logging.INFO)
    logging.getLogger("huggingface_hub").propagate = False  # it shows its own messages
    try:
        options = get_parser().parse_args(argv)
        code = options.run(options)
    except NeuroFMError as error:
        _log.error("%s", error)
        return int(error.code)
    return int(code)


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of ``neurofm-tools``."""
    parser = Parser(
        prog="neurofm-tools",
        description="Tools for NeuroFM-BIDS: demonstration data, model weights and pretraining.",
    )
    parser.add_argument("--version", action="version", version=f"NeuroFM-BIDS v{__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="write a small BIDS dataset with one real T1w")
    demo.add_argument("folder", type=Path, help="a new or empty folder, or that of an earlier demo")
    demo.set_defaults(run=_demo)
    weights = commands.add_parser("weights", help="list, fetch, convert and verify the weights of models")
    _add_weights(weights.add_subparsers(dest="action", required=True))
    pretrain = commands.add_parser("pretrain", help="generate synthetic brains and train networks on them")
    add_pretraining(pretrain.add_subparsers(dest="action", required=True))
    return parser


def _add_weights(actions: argparse._SubParsersAction[Parser]) -> None:
    listing = actions.add_parser(
        "list", help="describe the models and show whether their weights are available"
    )
    listing.set_defaults(run=_list)
    fetch = actions.add_parser("fetch", help="download published weights from Hugging Face")
    fetch.add_argument("model", help="name of the model, such as neurofm-s")
    fetch.add_argument("--accept-license", action="store_true", help="accept the license without a prompt")
    fetch.add_argument("--revision", default="main", help="branch, tag or commit of the repository")
    fetch.set_defaults(run=_fetch)
    convert = actions.add_parser("convert", help="convert weights to safetensors, with their provenance")
    convert.add_argument("source", type=Path, help=".h5 or .safetensors file to convert")
    convert.add_argument("target", type=Path, help=".safetensors file to write")
    convert.add_argument("--model", required=True, help="model to which the weights belong")
    convert.set_defaults(run=_convert)
    verify = actions.add_parser("verify", help="check weights and installation")
    verify.add_argument("model", nargs="?", default="open-s", help="default: open-s")
    verify.add_argument("--weights", type=Path, metavar="FILE", help="weights of the model")
    verify.add_argument(
        "--image",
        type=Path,
        metavar="FILE",
        help="T1w of the published example (default: from TemplateFlow, which may download it)",
    )
    verify.set_defaults(run=_verify)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _demo(options: argparse.Namespace) -> Exit:
    from neurofm_bids.demo import write_demo

    _say(str(write_demo(options.folder)))
    return Exit.OK


def _list(options: argparse.Namespace) -> Exit:
    from neurofm_bids.model.registry import model_names, model_spec
    from neurofm_bids.model.weights import fetch_command, find_weights

    for name in model_names():
        spec = model_spec(name)
        try:
            place = str(find_weights(spec))
        except NeuroFMError:
            place = f"not found: {fetch_command(spec)}"
        _say(f"{name}\tvariant {spec.variant}, {spec.latent_size} features, {spec.license}")
        _say(f"\ttrained on: {spec.training}\n\tvalidated: {spec.validated}")
        _say(f"\tSHA-256: {spec.sha256 or 'not known'}\n\tfile: {place}")
    return Exit.OK


def _fetch(options: argparse.Namespace) -> Exit:
    from neurofm_bids.model import hub
    from neurofm_bids.model.registry import model_spec
    from neurofm_bids.model.weights import load_network

    spec = model_spec(options.model)
    if spec.repository and not hub.is_license_accepted(spec):
        _ask_for_license(spec.license, spec.repository, accepted=options.accept_license)
        hub.accept_license(spec)
    path = hub.fetch(spec, options.revision)
    load_network(path, spec)
    against = "the known SHA-256" if spec.sha256 else "the SHA-256 reported by the Hub, if any"
    _log.info("Checked against %s; the file holds exactly the weights of %s.", against, spec.variant)
    _say(str(path))
    return Exit.OK


def _ask_for_license(license: str, repository: str, *, accepted: bool) -> None:
    sys.stderr.write(
        f"The weights are published under {license}: name the authors, do not use them commercially, and\n"
        f"share derived work under the same license. Terms: https://huggingface.co/{repository}\n"
    )
    if accepted:
        return
    if not sys.stdin.isatty():
        raise NeuroFMError("the license has not been accepted", fix="Use --accept-license.", code=Exit.USAGE)
    if input("Do you accept these terms? [y/N] ").strip().lower() not in {"y", "yes"}:
        raise NeuroFMError("the license was not accepted; nothing was downloaded", code=Exit.USAGE)


def _convert(options: argparse.Namespace) -> Exit:
    from neurofm_bids.model.registry import model_spec
    from neurofm_bids.model.weights import convert, find_weights

    spec = model_spec(options.model)
    if options.target.suffix != ".safetensors":
        raise NeuroFMError(
            "the name must end in .safetensors",
            where=options.target,
            fix="Rename the target.",
            code=Exit.USAGE,
        )
    convert(find_weights(spec, options.source), options.target, spec)
    _say(str(options.target))
    return Exit.OK


def _verify(options: argparse.Namespace) -> Exit:
    from neurofm_bids.model.verify import verify

    failed = False
    for check in verify(options.model, options.weights, options.image):
        mark = {True: "passed", False: "FAILED", None: "not proven"}[check.passed]
        _say(f"{mark:12}{check.name}: {check.result}\n{'':12}{check.proves}")
        failed = failed or check.passed is False
    return Exit.DATA if failed else Exit.OK
