"""Markdown tables for the documentation, made from the code so that they cannot drift."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path

from safetensors import safe_open

from neurofm_bids.cli.options import get_parser
from neurofm_bids.config import GROUPS
from neurofm_bids.errors import Exit
from neurofm_bids.model.registry import model_names, model_spec
from neurofm_bids.model.weights import PROVENANCE, find_weights
from neurofm_bids.option import Option, options_of

_EXIT = {
    Exit.OK: "Everything selected is done, or was up to date already.",
    Exit.SOME_FAILED: "Some scans failed, or the group level found scans without usable outputs.",
    Exit.INVALID_BIDS: "`bids_dir` is not a raw BIDS dataset.",
    Exit.UNKNOWN_LEVEL: "The analysis level is neither `participant` nor `group`.",
    Exit.NOTHING_SELECTED: "A label does not exist, or labels and filters leave no scan.",
    Exit.USAGE: "Wrong option or value, folders that exclude each other, or a device that is not there.",
    Exit.DATA: "A file that the whole run needs holds something else, such as weights of another variant.",
    Exit.NO_INPUT: "The dataset, the weights file or, at the group level, the output folder is not there.",
    Exit.SOFTWARE: "A bug of NeuroFM-BIDS. The log has the traceback; please report it.",
    Exit.CANT_CREATE: "The output folder cannot be made or written, or holds another dataset.",
    Exit.IO: "Reading or writing failed: disk full, quota, or damaged bundled weights.",
    Exit.TRY_AGAIN: "A template, weights or the image of `neurofm-tools demo` could not be fetched.",
}


def write(folder: Path) -> None:
    """Write every table into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {
        "options": _options(),
        "help": _help(),
        "exit_codes": _exit_codes(),
        "models": _models(),
        "columns": _columns(),
        "recipe": _recipe(),
    }
    for name, text in pages.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    cells = (
        [" ".join(cell.split()).replace("|", r"\|").replace("<", "&lt;") for cell in line] for line in lines
    )
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"


def _help() -> str:
    os.environ["COLUMNS"] = "100"
    return f"```text\n{get_parser().format_help()}```\n"


def _options() -> str:
    sections: dict[str, list[tuple[str, str, str]]] = {}
    for group in GROUPS.values():
        for field, option in options_of(group):
            sections.setdefault(option.section, []).append(_row(field.default, option))
    head = ("Option", "Default", "Meaning")
    return "\n".join(f"### {title}\n\n{_table(head, rows)}" for title, rows in sections.items())


def _row(default: object, option: Option) -> tuple[str, str, str]:
    takes = "{" + ",".join(option.choices) + "}" if option.choices else option.metavar
    if option.many:
        takes += " ..."
    names = ", ".join(f"`{flag}`" for flag in option.flags)
    named = isinstance(default, str | int) and not isinstance(default, bool) and default and takes
    shown = f"`{default}`" if named and "default:" not in option.help else ""
    return f"{names}{f' `{takes}`' if takes else ''}", shown, option.help


def _exit_codes() -> str:
    rows = [(str(int(code)), f"`{code.name}`", _EXIT[code]) for code in Exit]
    rows.append(("130", "", "Interrupted (Ctrl-C, SIGTERM, SIGHUP): what is finished stays"))
    return _table(("Code", "Name", "Meaning"), rows)


def _models() -> str:
    parts = []
    for name in model_names():
        spec = model_spec(name)
        rows = [
            (t.long_name, t.units, f"{t.valid_range[0]:,} to {t.valid_range[1]:,}", t.description)
            for t in spec.targets.values()
        ]
        source = f"bundled, SHA-256 `{spec.sha256}`" if spec.file else "given with `--weights`"
        facts = (
            f"- label in file names: `{spec.label}`\n- variant: {spec.variant}\n"
            f"- licence of the weights: {spec.licence}\n- weights: {source}\n\n"
        )
        table = _table(("Prediction", "Units", "Supported range", "What it is"), rows)
        parts.append(f"### {name}\n\n{facts}> {spec.notice}\n\n{table}")
    return "\n".join(parts)


def _columns() -> str:
    text = files("neurofm_bids").joinpath("data/dictionary.json").read_text(encoding="utf-8")
    found = json.loads(text)
    head = ("Column", "Units", "Meaning")
    fixed = [(f"`{n}`", e.get("Units", ""), e["Description"]) for n, e in found["columns"].items()]
    targets = [(f"`{e['Column']}`", e["Units"], e["Description"]) for e in found["targets"].values()]
    parts = [(f"`..._{name}`", "", e["Description"]) for name, e in found["parts"].items()]
    return (
        "Identity, recorded and measured values:\n\n"
        + _table(head, fixed)
        + "\nPredictions:\n\n"
        + _table(head, targets)
        + "\nEach prediction has these further columns:\n\n"
        + _table(head, parts)
    )


def _recipe() -> str:
    """Return how open-s was trained, from the metadata of its file."""
    with safe_open(find_weights(model_spec("open-s")), "numpy") as file:
        about = json.loads(file.metadata()[PROVENANCE])
    rows = [(f"`{name}`", json.dumps(value)) for name, value in about["recipe"].items()]
    rows += [("label maps", ", ".join(about["maps"])), ("trained by", about["trained_by"])]
    return _table(("Setting", "Value"), rows)
