"""The command line of ``neurofm``, made from the options that :mod:`neurofm_bids.config` declares."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neurofm_bids import __version__
from neurofm_bids.bids.problems import option_problem
from neurofm_bids.cli.arguments import Parser, add_options
from neurofm_bids.config import GROUPS, LEVELS, Config
from neurofm_bids.errors import INTERRUPTED, Exit, NeuroFMError
from neurofm_bids.option import Option, options_of
from neurofm_bids.storage.text import nearest

__all__ = ["get_parser", "parse"]

_NOTRACK = "--notrack"
_POSITIONAL = {
    "bids_dir": "the BIDS dataset",
    "out_dir": "the output folder (may lie in bids_dir/derivatives)",
    "analysis_level": f"one or both; {LEVELS[0]} runs first",
}


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of ``neurofm``; options that are not given are absent from what it returns."""
    parser = Parser(
        prog="neurofm",
        usage=f"neurofm bids_dir out_dir {{{','.join(LEVELS)}}} [...] [options]",
        description="NeuroFM features, brain-health predictions and quality control from T1-weighted MRI.",
        epilog=_exit_codes(),
        allow_abbrev=False,
    )
    parser.add_argument("bids_dir", type=Path, help=_POSITIONAL["bids_dir"])
    parser.add_argument("out_dir", type=Path, help=_POSITIONAL["out_dir"])
    parser.add_argument(
        "analysis_level",
        nargs="+",
        metavar=f"{{{','.join(LEVELS)}}}",
        help=_POSITIONAL["analysis_level"],
    )
    parser.add_argument("--version", action="version", version=f"NeuroFM-BIDS v{__version__}")
    parser.add_argument(
        "--bids-exec-spec",
        action=_Descriptor,
        nargs=0,
        help="print a Boutiques descriptor of neurofm and exit",
    )
    for group in GROUPS.values():
        *_, other = add_options(parser, group).values()
    other.add_argument("--config-file", type=Path, metavar="FILE", help="TOML file with long options as keys")
    other.add_argument(
        _NOTRACK, action="store_true", help="accepted for compatibility; no usage data is ever sent"
    )
    return parser


def _exit_codes() -> str:
    codes = [f"{code:d} {code.meaning}" for code in Exit]
    return f"Exit codes: {'; '.join(codes)}; {INTERRUPTED} interrupted."


class _Descriptor(argparse.Action):
    """Prints the descriptor; no other argument is needed."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from neurofm_bids.cli.boutiques import descriptor

        sys.stdout.write(json.dumps(descriptor(_POSITIONAL), indent=2, ensure_ascii=False) + "\n")
        parser.exit()


def parse(argv: Sequence[str]) -> Config:
    """Return the settings of a command line.

    Raises
    ------
    NeuroFMError
        An invalid option (64), an unknown analysis level (17), or folders that must not coincide (64).
    """
    from neurofm_bids.cli.settings import make_config

    given = vars(get_parser().parse_args(argv))
    unknown = [level for level in given["analysis_level"] if level not in LEVELS]
    if unknown:
        raise NeuroFMError(
            "unknown analysis level",
            where=", ".join(unknown),
            fix=f"Use {' or '.join(LEVELS)}.",
            code=Exit.UNKNOWN_LEVEL,
        )
    settings = _file_settings(given["config_file"]) if "config_file" in given else {}
    return make_config({**settings, **given}, command=shlex.join(["neurofm", *argv]))


def _file_settings(path: Path) -> dict[str, Any]:
    """Return the values of a settings file by field name."""
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        what, fix = option_problem(path, error, "settings file", "--config-file", "It must be TOML.")
        raise NeuroFMError(what, where=path, fix=fix, code=Exit.USAGE) from error
    options = {**_keys(), _spelling(_NOTRACK): None}
    values = {}
    for key, value in settings.items():
        if _spelling(key) not in options:
            raise NeuroFMError(
                f"unknown setting '{key}'",
                where=path,
                fix=f"{nearest(_spelling(key), list(options))}See neurofm --help.",
                code=Exit.USAGE,
            )
        known = options[_spelling(key)]
        if known is None:
            continue
        name, default, option = known
        try:
            values[name] = option.from_toml(value, default)
        except ValueError as error:
            raise NeuroFMError(f"'{key}' cannot be {value!r}", where=path, code=Exit.USAGE) from error
    return values


def _keys() -> Mapping[str, tuple[str, Any, Option]]:
    """Return field, default and option for each key that a settings file may have."""
    return {
        _spelling(flag): (item.name, item.default, option)
        for group in GROUPS.values()
        for item, option in options_of(group)
        for flag in option.flags
        if flag.startswith("--")
    }


def _spelling(key: str) -> str:
    return key.removeprefix("--").replace("_", "-")
