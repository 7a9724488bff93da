"""The options of the command line, in fMRIPrep's groups and spellings."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neurofm_bids import __version__
from neurofm_bids.cli.arguments import Parser
from neurofm_bids.config import TEMPLATE, Config
from neurofm_bids.errors import Exit, NeuroFMError

__all__ = ["LEVELS", "get_parser", "memory_gb", "parse"]

LEVELS = ("participant", "group")


class _Formatter(argparse.ArgumentDefaultsHelpFormatter):
    """Help that names the defaults that say something."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return super()._get_help_string(action) if action.default else action.help


def memory_gb(text: str) -> float:
    """Read an amount of memory in GB; a bare number means MB, as in fMRIPrep.

    Examples
    --------
    >>> memory_gb("8000"), memory_gb("8GB"), memory_gb("1.5T")
    (8.0, 8.0, 1500.0)
    """
    digits = text.upper().rstrip("B")
    scale = {"K": 1e-6, "M": 1e-3, "G": 1.0, "T": 1e3}.get(digits[-1:])
    number = float(digits[:-1] if scale else digits) * (scale or 1e-3)
    if not 0 < number < float("inf"):
        raise ValueError(text)
    return number


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _views(text: str) -> int:
    number = _positive(text)
    if number > 64:
        raise ValueError(text)
    return number


memory_gb.__name__, _positive.__name__, _views.__name__ = "memory", "positive number", "number (1 to 64)"


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of ``neurofm``."""
    parser = Parser(
        prog="neurofm",
        description="NeuroFM features, brain-health predictions and quality control from T1-weighted MRI.",
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    parser.add_argument("bids_dir", type=Path, help="the BIDS dataset")
    parser.add_argument("out_dir", type=Path, help="folder of the outputs (may lie in bids_dir/derivatives)")
    parser.add_argument(
        "analysis_level", nargs="+", metavar="{participant,group}", help="one or both, in this order"
    )
    parser.add_argument("--version", action="version", version=f"NeuroFM-BIDS v{__version__}")
    for add in (_add_selection, _add_processing, _add_model, _add_outputs, _add_resources, _add_running):
        add(parser)
    return parser


def _add_selection(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("Options for filtering BIDS queries")
    group.add_argument(
        "--skip-bids-validation",
        action="store_true",
        help="do not check dataset_description.json (the check is light: nothing is downloaded or run)",
    )
    group.add_argument(
        "--participant-label",
        "--participant_label",
        nargs="+",
        default=[],
        metavar="LABEL",
        help="participants, with or without sub-, or a file with one label per line",
    )
    group.add_argument(
        "--session-label",
        "--session-id",
        nargs="+",
        default=[],
        metavar="LABEL",
        help="sessions, with or without ses-, or a file with one label per line",
    )
    group.add_argument(
        "--bids-filter-file",
        type=Path,
        metavar="FILE",
        help='JSON such as {"t1w": {"acquisition": "mprage"}}; "*" is any value, null is none',
    )


def _add_processing(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("Options for preprocessing")
    group.add_argument(
        "--skull-strip",
        choices=("auto", "force", "skip"),
        default="auto",
        help="auto takes the brain as it is in images that are stripped already",
    )
    group.add_argument(
        "--bias-correction", choices=("n4", "none"), default="n4", help="intensity bias correction"
    )
    group.add_argument(
        "--encode-space",
        choices=("rigid", "native"),
        default="rigid",
        help="pose in which the network sees the brain: turned to the template, or as scanned",
    )
    group.add_argument(
        "--template", default=TEMPLATE, help="registration target; others than the default need TemplateFlow"
    )
    group.add_argument("--random-seed", type=int, default=20260101, metavar="N", help="seed of registration")


def _add_model(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("Options for the model")
    group.add_argument(
        "--model",
        choices=("open-s", "neurofm-s", "neurofm-m", "neurofm-l"),
        default="open-s",
        help="open-s is bundled; the published weights are gated: give their file with --weights",
    )
    group.add_argument(
        "--weights", type=Path, metavar="FILE", help="weights (.h5 or .safetensors) of the model"
    )
    group.add_argument(
        "--views",
        type=_views,
        default=8,
        metavar="N",
        help="views averaged per scan, 1 to 64: the 8 lattice phases, then small turns and shifts; "
        "1 is the published single pass, without intervals",
    )
    group.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        default="float32",
        help="of the network; bfloat16 is less exact and for GPUs that are fast in it",
    )
    group.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps")
    group.add_argument(
        "--batch-size",
        type=_positive,
        metavar="N",
        help="views in one pass of the network (default: 1 on a CPU, 8 on a GPU)",
    )


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("Options for outputs")
    group.add_argument(
        "--output-images",
        action="store_true",
        help="also write the bias-corrected T1w and the volume that the network read",
    )
    group.add_argument("--force", action="store_true", help="do again what is up to date")
    group.add_argument("--reports-only", action="store_true", help="only write the reports again")


def _add_resources(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("Options to handle performance")
    group.add_argument(
        "--nprocs",
        "--n-cpus",
        "--nthreads",
        type=_positive,
        metavar="N",
        help="processors to use (default: those of the affinity, control group and SLURM job)",
    )
    group.add_argument(
        "--omp-nthreads", type=_positive, default=1, metavar="N", help="threads of one brain extraction"
    )
    group.add_argument(
        "--mem",
        "--mem-mb",
        "--mem_mb",
        type=memory_gb,
        metavar="SIZE",
        help="memory to use, such as 8GB; a bare number is in MB (default: 90%% of what is allowed)",
    )
    group.add_argument(
        "--resource-monitor",
        action="store_true",
        help="write what the run takes, second by second, to logs/<run>/resources.tsv",
    )
    group.add_argument("--use-plugin", type=Path, metavar="FILE", help="nipype plugin settings (YAML)")


def _add_running(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("Other options")
    group.add_argument(
        "-w",
        "--work-dir",
        type=Path,
        metavar="DIR",
        help="folder of intermediate files, emptied as scans finish (default: the temporary folder)",
    )
    group.add_argument(
        "--keep-work", action="store_true", help="leave the intermediate files, and say where they are"
    )
    group.add_argument("--config-file", type=Path, metavar="FILE", help="TOML with long options as keys")
    group.add_argument("--dry-run", action="store_true", help="print what would run and what not, and why")
    group.add_argument("--stop-on-first-crash", action="store_true", help="end the run at the first failure")
    group.add_argument("-v", "--verbose", action="count", default=0, help="say more; twice: debug messages")
    group.add_argument("--notrack", action="store_true", help="accepted and ignored: nothing is ever sent")


def parse(argv: Sequence[str]) -> Config:
    """Return the settings of a command line.

    Raises
    ------
    NeuroFMError
        A wrong option (64), an unknown analysis level (17), or folders that exclude each other (64).
    """
    parser = get_parser()
    known, _ = _config_parser().parse_known_args(argv)
    if known.config_file is not None:
        parser.set_defaults(**_file_defaults(parser, known.config_file))
    options = parser.parse_args(argv)
    unknown = [level for level in options.analysis_level if level not in LEVELS]
    if unknown:
        raise NeuroFMError(
            "unknown analysis level",
            where=", ".join(unknown),
            fix=f"Use {' or '.join(LEVELS)}.",
            code=Exit.UNKNOWN_LEVEL,
        )
    from neurofm_bids.cli.settings import make_config

    return make_config(options, command=" ".join(["neurofm", *argv]))


def _config_parser() -> argparse.ArgumentParser:
    parser = Parser(prog="neurofm", add_help=False, allow_abbrev=False)
    parser.add_argument("--config-file", type=Path)
    return parser


def _file_defaults(parser: argparse.ArgumentParser, path: Path) -> dict[str, Any]:
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NeuroFMError(
            f"the settings file cannot be read ({error})", where=path, code=Exit.USAGE
        ) from error
    actions = {
        option.removeprefix("--"): action
        for action in parser._actions
        for option in action.option_strings
        if option.startswith("--") and option not in {"--help", "--version", "--config-file"}
    }
    defaults = {}
    for key, value in settings.items():
        action = actions.get(key.replace("_", "-"), actions.get(key))
        if action is None:
            raise NeuroFMError(f"unknown setting '{key}'", where=path, code=Exit.USAGE)
        defaults[action.dest] = _typed(action, key, value, path)
    return defaults


def _typed(action: argparse.Action, key: str, value: Any, path: Path) -> Any:
    problem = NeuroFMError(f"'{key}' cannot be {value!r}", where=path, code=Exit.USAGE)
    if action.nargs == 0:
        if isinstance(value, bool) or (key == "verbose" and isinstance(value, int)):
            return value
        raise problem
    if action.nargs == "+":
        return [str(item) for item in (value if isinstance(value, list) else [value])]
    try:
        typed = action.type(str(value)) if callable(action.type) else str(value)
    except ValueError as error:
        raise problem from error
    if action.choices is not None and typed not in action.choices:
        raise problem
    return typed
