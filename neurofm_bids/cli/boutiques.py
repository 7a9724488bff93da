"""The Boutiques descriptor of ``neurofm``, made from the declared options and outputs.

It follows schema 0.5 of Boutiques and the draft of the BIDS execution specification, whose identifiers of
inputs it uses (``InputDataset``, ``SubjectLabel``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neurofm_bids import __version__
from neurofm_bids.bids.names import DATASET_OUTPUTS, GROUP_OUTPUTS, REPORT, SCAN_OUTPUTS
from neurofm_bids.config import ALL_OR_NONE, EXCLUSIVE, GROUPS, LEVELS
from neurofm_bids.errors import INTERRUPTED, Exit
from neurofm_bids.option import Option, WholeNumber, options_of

__all__ = ["descriptor"]

_SPECIFICATION = "0.1.0"  # of BIDS execution, a draft
_VERBOSITY = ("-v", "-vv", "-vvv")
_STANDARD = {"--participant-label": "SubjectLabel"}  # other identifiers follow from the options


def descriptor(positional: Mapping[str, str]) -> dict[str, Any]:
    """Return the descriptor, to be written as JSON.

    Parameters
    ----------
    positional
        Descriptions of ``bids_dir``, ``out_dir`` and ``analysis_level``.
    """
    inputs = [*_required(positional), *_options(), *_information()]
    return {
        "name": "NeuroFM-BIDS",
        "description": "BIDS App: NeuroFM features, brain-health predictions and quality control from "
        "T1-weighted MRI. For research only, not for clinical use.",
        "author": "The NeuroFM-BIDS developers",
        "tool-version": __version__,
        "schema-version": "0.5",
        "command-line": " ".join(["neurofm", *(each["value-key"] for each in inputs)]),
        "container-image": {
            "type": "docker",
            "image": os.environ.get("NEUROFM_DOCKER_TAG", f"neurofm-bids:{__version__}"),
        },
        "inputs": inputs,
        "groups": [*_groups(EXCLUSIVE, "mutually-exclusive"), *_groups(ALL_OR_NONE, "all-or-none")],
        "output-files": _outputs(),
        "error-codes": [
            *({"code": int(code), "description": code.meaning} for code in Exit if code),
            {"code": INTERRUPTED, "description": "interrupted"},
        ],
        "tags": {"domain": ["neuroinformatics", "bids", "mri"], "bids-app": True},
        "custom": {"BIDSAppSpecVersion": _SPECIFICATION},
    }


def _required(positional: Mapping[str, str]) -> list[dict[str, Any]]:
    levels = {
        "value-choices": [*LEVELS],
        "list": True,
        "min-list-entries": 1,
        "max-list-entries": len(LEVELS),
    }
    one = {"list": True, "min-list-entries": 1, "max-list-entries": 1}
    return [
        _input("InputDataset", "Input dataset", positional["bids_dir"], "File", optional=False) | one,
        _input("OutputLocation", "Output location", positional["out_dir"], "File", optional=False),
        _input("AnalysisLevel", "Analysis level", positional["analysis_level"], "String", optional=False)
        | levels,
    ]


def _information() -> list[dict[str, Any]]:
    """Return the inputs that only print something."""
    return [
        _input("Help", "Help", "print the help", "Flag") | {"command-line-flag": "--help"},
        _input("ToolVersion", "Version", "print the version", "Flag") | {"command-line-flag": "--version"},
    ]


def _input(name: str, title: str, about: str, kind: str, *, optional: bool = True) -> dict[str, Any]:
    return {
        "id": name,
        "name": title,
        "description": about,
        "type": kind,
        "optional": optional,
        "value-key": f"[{name}]",
    }


def _options() -> list[dict[str, Any]]:
    return [
        _option(item.default, declared) for group in GROUPS.values() for item, declared in options_of(group)
    ]


def _option(default: Any, declared: Option) -> dict[str, Any]:
    flag = declared.flags[0]
    kind = _kind(default, declared)
    title = flag.strip("-").replace("-", " ").capitalize()
    entry = _input(_identifier(flag), title, declared.describe(default), kind)
    if declared.counts:  # Boutiques has no switches that are repeated
        return entry | {"value-choices": [*_VERBOSITY]}
    entry["command-line-flag"] = flag
    if kind == "Flag":
        return entry
    if declared.show_default(default) and not declared.default_text:
        entry["default-value"] = default
    if declared.many:
        return entry | {"list": True, "min-list-entries": 1}
    return entry | {"command-line-flag-separator": "="} | _limits(declared)


def _kind(default: Any, declared: Option) -> str:
    if isinstance(default, bool):
        return "Flag"
    if isinstance(declared.convert, WholeNumber) or declared.convert in (int, float):
        return "Number"
    return "File" if declared.convert is Path and not declared.writes else "String"


def _limits(declared: Option) -> dict[str, Any]:
    """Return which values of an option are allowed."""
    limits: dict[str, Any] = {"value-choices": [*declared.choices]} if declared.choices else {}
    if declared.convert is int:
        limits["integer"] = True
    if isinstance(declared.convert, WholeNumber):
        limits |= {"integer": True, "minimum": declared.convert.lowest}
        if declared.convert.highest is not None:
            limits["maximum"] = declared.convert.highest
    return limits


def _identifier(flag: str) -> str:
    """Return the identifier of an option.

    >>> _identifier("--bids-filter-file"), _identifier("--participant-label")
    ('BidsFilterFile', 'SubjectLabel')
    """
    return _STANDARD.get(flag, flag.title().replace("-", ""))


def _groups(sets: tuple[tuple[str, ...], ...], relation: str) -> list[dict[str, Any]]:
    """Return groups of options that exclude or need each other, by their flags."""
    return [
        {
            "id": "".join(map(_identifier, flags)),
            "name": " and ".join(flags),
            "members": [*map(_identifier, flags)],
            relation: True,
        }
        for flags in sets
    ]


def _outputs() -> list[dict[str, Any]]:
    """Return the files below the output location; labels of scans, models and templates are wildcards."""
    dataset = [_output(f"dataset_{name}", path) for name, path in DATASET_OUTPUTS.items()]
    group = [_output(f"group_{name}", path) for name, path in GROUP_OUTPUTS.items()]
    scans = [
        _output(f"scan_{name}", f"sub-*/**/*_{output.ending}", output.desc)
        for name, output in SCAN_OUTPUTS.items()
        if not output.is_figure
    ]
    return [*dataset, *group, _output("participant_report", REPORT.format("*")), *scans]


def _output(name: str, path: str, about: str = "") -> dict[str, Any]:
    pattern = re.sub(r"\{\w+\}", "*", path)
    title = name.replace("_", " ").capitalize()
    return {
        "id": name,
        "name": title,
        **({"description": re.sub(r"\{(\w+)\}", r"<\1>", about)} if about else {}),
        "path-template": f"[OutputLocation]/{pattern}",
        "list": "*" in pattern,
        "optional": True,
    }
