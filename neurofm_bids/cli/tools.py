"""The command ``neurofm-tools``: helpers around the main command."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurofm_bids import __version__
from neurofm_bids.cli.arguments import Commands, Parser, add_command, add_options, safetensors_path
from neurofm_bids.cli.cluster import add_commands as add_cluster
from neurofm_bids.cli.output import printing
from neurofm_bids.cli.pretrain import add_commands as add_pretraining
from neurofm_bids.cli.readout_fitting import add_commands as add_fitting
from neurofm_bids.cli.readouts import add_commands as add_readouts
from neurofm_bids.config import Processing
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.option import make, option

__all__ = ["get_parser", "main"]

_log = logging.getLogger("neurofm_bids")


@dataclass(frozen=True)
class _Demo:
    folder: Path = option(convert=Path, help="a new or empty folder, or that of an earlier demo")


@dataclass(frozen=True)
class _Fetch:
    model: str = option(help="such as neurofm-s")
    accept_license: bool = option(
        "--accept-license", default=False, help="accept the license without a prompt"
    )
    revision: str = option("--revision", default="main", help="branch, tag or commit of the repository")


@dataclass(frozen=True)
class _Convert:
    source: Path = option(convert=Path, help=".h5 or .safetensors")
    target: Path = option(convert=safetensors_path, help="a .safetensors file to write")
    model: str = option("--model", help="the model whose weights the source holds")


@dataclass(frozen=True)
class _Verify:
    model: str = option(default=Processing.model, help="name of the model")
    image: Path | None = option(
        "--image",
        default=None,
        convert=Path,
        metavar="FILE",
        default_text="TemplateFlow's, which may download it",
        help="the T1w of the published example",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``neurofm-tools`` and return its exit code."""
    logging.basicConfig(format="%(levelname)s %(message)s")
    _log.setLevel(logging.INFO)
    logging.getLogger("huggingface_hub").propagate = False  # it shows its own messages
    try:
        given = vars(get_parser().parse_args(argv))
        return printing(lambda: int(given["run"](given)))
    except NeuroFMError as error:
        _log.error("%s", error)
        return int(error.code)


def get_parser() -> Parser:
    """Return the parser of ``neurofm-tools``."""
    parser = Parser(
        prog="neurofm-tools",
        description="Tools for NeuroFM-BIDS: demonstration data, weights, pretraining, readouts, clusters.",
    )
    parser.add_argument("--version", action="version", version=f"NeuroFM-BIDS v{__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    add_command(commands, "demo", "write a small BIDS dataset with one real T1w", _demo, _Demo)
    weights = commands.add_parser("weights", help="list, fetch, convert and verify the weights of models")
    _add_weights(weights.add_subparsers(dest="action", required=True))
    pretrain = commands.add_parser("pretrain", help="generate synthetic brains and train networks on them")
    add_pretraining(pretrain.add_subparsers(dest="action", required=True))
    readouts = commands.add_parser("readouts", help="suggest tasks, fit, apply, describe and check readouts")
    actions = readouts.add_subparsers(dest="action", required=True)
    add_fitting(actions)
    add_readouts(actions)
    add_cluster(commands)
    return parser


def _add_weights(commands: Commands) -> None:
    about = "describe the models and show whether their weights are available"
    add_command(commands, "list", about, _list)
    add_command(commands, "fetch", "download published weights from Hugging Face", _fetch, _Fetch)
    about = "convert weights to safetensors, with their provenance"
    add_command(commands, "convert", about, _convert, _Convert)
    verify = add_command(commands, "verify", "check weights and installation", _verify, _Verify)
    add_options(verify, Processing, "weights")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _demo(given: Mapping[str, Any]) -> Exit:
    from neurofm_bids.demo import write_demo

    _say(str(write_demo(make(_Demo, given).folder)))
    return Exit.OK


def _list(given: Mapping[str, Any]) -> Exit:
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


def _fetch(given: Mapping[str, Any]) -> Exit:
    from neurofm_bids.model import hub
    from neurofm_bids.model.registry import model_spec
    from neurofm_bids.model.weights import load_network

    options = make(_Fetch, given)
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


def _convert(given: Mapping[str, Any]) -> Exit:
    from neurofm_bids.model.registry import model_spec
    from neurofm_bids.model.weights import convert, find_weights

    options = make(_Convert, given)
    spec = model_spec(options.model)
    convert(find_weights(spec, options.source), options.target, spec)
    _say(str(options.target))
    return Exit.OK


def _verify(given: Mapping[str, Any]) -> Exit:
    from neurofm_bids.model.verify import verify

    options, weights = make(_Verify, given), make(Processing, given).weights
    failed = False
    for check in verify(options.model, weights, options.image):
        mark = {True: "passed", False: "FAILED", None: "not proven"}[check.passed]
        _say(f"{mark:12}{check.name}: {check.result}\n{'':12}{check.proves}")
        failed = failed or check.passed is False
    return Exit.DATA if failed else Exit.OK
