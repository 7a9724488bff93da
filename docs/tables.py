"""Markdown tables for the documentation, generated from the code so that they stay correct."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from safetensors import safe_open

from neurofm_bids.cli.options import get_parser
from neurofm_bids.config import GROUPS
from neurofm_bids.errors import Exit
from neurofm_bids.model.registry import model_names, model_spec
from neurofm_bids.model.weights import PROVENANCE, find_weights
from neurofm_bids.option import Option, options_by_section
from neurofm_bids.records.dictionary import prediction_column

EXIT_CODES = {
    Exit.OK: "All selected scans were processed or already up to date.",
    Exit.SOME_FAILED: "Some scans failed, or the group level found scans without usable outputs.",
    Exit.INVALID_BIDS: "`bids_dir` is not a raw BIDS dataset.",
    Exit.UNKNOWN_LEVEL: "The analysis level is neither `participant` nor `group`.",
    Exit.NOTHING_SELECTED: "A label does not exist, or labels and filters leave no scan.",
    Exit.USAGE: "Invalid option or value, folders that must not coincide, or a device that is not available.",
    Exit.DATA: "A file that the whole run needs has the wrong content, such as weights of another variant.",
    Exit.NO_INPUT: "The dataset, the weights or, at the group level, the output folder was not found.",
    Exit.SOFTWARE: "An unexpected error. The log has the traceback; please report it.",
    Exit.CANT_CREATE: "The output or work folder cannot be created or written, or holds another dataset.",
    Exit.IO: "Reading or writing failed: disk full, quota exceeded, or damaged bundled weights.",
    Exit.TRY_AGAIN: "A template, weights or the image of `neurofm-tools demo` could not be downloaded.",
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
        for section, field, option in options_by_section(group):
            sections.setdefault(section, []).append(_row(field.default, option))
    head = ("Option", "Default", "Meaning")
    return "\n".join(f"### {title}\n\n{_table(head, rows)}" for title, rows in sections.items())


def _row(default: object, option: Option) -> tuple[str, str, str]:
    takes = "{" + ",".join(option.choices) + "}" if option.choices else option.metavar
    if option.many:
        takes += " ..."
    names = ", ".join(f"`{flag}`" for flag in option.flags)
    shown = option.show_default(default)
    cell = shown if option.default_text or not shown else f"`{shown}`"
    return f"{names}{f' `{takes}`' if takes else ''}", cell, option.help


def _exit_codes() -> str:
    rows = [(str(int(code)), f"`{code.name}`", EXIT_CODES[code]) for code in Exit]
    rows.append(("130", "", "Interrupted (Ctrl-C, SIGTERM, SIGHUP): finished scans are kept."))
    return _table(("Code", "Name", "Meaning"), rows)


def _models() -> str:
    parts = []
    for name in model_names():
        spec = model_spec(name)
        rows = [
            (t.long_name, t.units, f"{t.valid_range[0]:,} to {t.valid_range[1]:,}", t.description)
            for t in spec.heads
        ]
        source = (
            f"bundled, SHA-256 `{spec.sha256}`"
            if spec.file
            else f"downloaded with `neurofm-tools weights fetch {name}`, or given with `--weights`"
        )
        facts = (
            f"- label in file names: `{spec.label}`\n- variant: {spec.variant}\n"
            f"- license of the weights: {spec.license}\n- weights: {source}\n\n"
        )
        table = _table(("Prediction", "Units", "Supported range", "Description"), rows)
        parts.append(f"### {name}\n\n{facts}> {spec.notice}\n\n{table}")
    return "\n".join(parts)


_STATISTICS = ("measure", "statistic", "value", "units", "n")


def _columns() -> str:
    text = files("neurofm_bids").joinpath("data/dictionary.json").read_text(encoding="utf-8")
    entries = json.loads(text)
    del entries["quality"]["mask_volume_mm3"]  # a column of every table of scans
    component = entries["columns"].pop("component")
    statistics = {name: entries["columns"].pop(name) for name in _STATISTICS}
    scans = {
        **entries["columns"],
        "f000, f001, ...": entries["feature"],
        "component_1, component_2": component,
    }
    heads = model_spec("open-s").heads
    predictions = {
        prediction_column(h.name, h.units): {"Units": h.units, "Description": h.description} for h in heads
    }
    parts = {f"..._{name}": entry for name, entry in entries["parts"].items()}
    return "\n".join(
        f"{title}:\n\n{_meanings(rows)}"
        for title, rows in (
            ("Columns of the tables of scans", scans),
            ("Predictions (descriptions of `open-s`)", predictions),
            ("Further columns of each prediction", parts),
            ("Image quality metrics", entries["quality"]),
            ("Acquisition parameters in `_covariates.tsv`", entries["acquisition"]),
            ("Columns of `_statistics.tsv`", statistics),
        )
    )


def _meanings(entries: Mapping[str, Mapping[str, str]]) -> str:
    rows = [(f"`{name}`", entry.get("Units", ""), entry["Description"]) for name, entry in entries.items()]
    return _table(("Column", "Units", "Meaning"), rows)


def _recipe() -> str:
    """Return how open-s was trained, from the metadata of its file."""
    with safe_open(find_weights(model_spec("open-s")), "numpy") as file:
        about = json.loads(file.metadata()[PROVENANCE])
    rows = [(f"`{name}`", json.dumps(value)) for name, value in about["recipe"].items()]
    rows += [("label maps", ", ".join(about["maps"])), ("trained by", about["trained_by"])]
    return _table(("Setting", "Value"), rows)
