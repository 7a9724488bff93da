"""Proposing tasks from the tables and data dictionaries of a dataset."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.discovery import find_scans
from neurofm_bids.config import Config
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.readouts.columns import PERSON, numbers, scan_values
from neurofm_bids.readouts.domains import domain_of
from neurofm_bids.readouts.enough import LEAST_OF_CLASS, LEAST_OF_LEVEL, LEAST_OF_VALUES
from neurofm_bids.readouts.leakage import follows_from
from neurofm_bids.readouts.task import Kind, Task
from neurofm_bids.records.scan import Identity
from neurofm_bids.storage.text import some_of

__all__ = ["Proposal", "Suggestions", "suggest_tasks"]

_FEW, _LEVELS = 10, 12  # different numbers that are still classes, and texts
_SCALE = 5  # different numbers from which on they may be a scale
_KEYS = re.compile(r"(participant|session|subject|scan|record)?_?(id|label)|filename|acq_time|.*_?date.*")
_COVARIATES = ("age", "sex", "gender")
_SITES = ("site", "site_id", "scanner", "center", "centre", "scanner_id")
_POSITIVE = re.compile(
    r"patients?|cases?|yes|y|true|positive|depr\w*|mdd|adhd|asd|ad|mci|scz|schz|bipolar|1|present|converted"
)
_NEGATIVE = re.compile(r"controls?|hc|healthy.*|no|n|false|negative|absent|none|0|cn|ctrl|normal")


@dataclass(frozen=True)
class Proposal:
    """A proposed task, and what was assumed."""

    task: Task
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Suggestions:
    """What a dataset offers.

    Parameters
    ----------
    dataset
        Folder of the dataset.
    people
        Number of people.
    proposals
        Tasks that have enough people.
    left_out
        Why other columns are no targets, by column.
    """

    dataset: str
    people: int
    proposals: tuple[Proposal, ...]
    left_out: Mapping[str, str]


def suggest_tasks(bids_dir: Path) -> Suggestions:
    """Return tasks for the columns of the tables of participants, sessions, scans and phenotypes.

    Columns are judged by the first scan of each person; in a dataset without images, by the participants of
    its tables.

    Raises
    ------
    NeuroFMError
        There is no dataset, or no table that says anything of anyone.
    """
    if not bids_dir.is_dir():
        raise NeuroFMError("dataset not found", where=bids_dir, code=Exit.NO_INPUT)
    covariates = Covariates(bids_dir)
    rows: dict[str, Mapping[str, str]] = {}
    for scan in _scans(bids_dir, covariates):
        rows.setdefault(scan.subject or "", scan_values(covariates, scan))
    names = dict.fromkeys(name for row in rows.values() for name in row)
    columns = {name: [row.get(name, "") for row in rows.values()] for name in names if name != PERSON}
    if not columns:
        fix = "Add participants.tsv, or tables in phenotype/."
        raise NeuroFMError("no table says anything of the participants", where=bids_dir, fix=fix)
    proposals, left_out, used = [], {}, set[str]()
    for name in columns:
        found = _proposal(name, columns, covariates.dictionary.get(name, {}), used)
        if isinstance(found, str):
            left_out[name] = found
        else:
            used.add(found.task.name.lower())
            proposals.append(found)
    return Suggestions(bids_dir.name, len(rows), tuple(proposals), left_out)


def _scans(bids_dir: Path, covariates: Covariates) -> Iterable[Any]:
    try:
        chosen = find_scans(Config(bids_dir, bids_dir / "derivatives"))
    except NeuroFMError:
        labels = sorted({*covariates.tables.participants.values, *_phenotyped(covariates)})
        return [Identity("", f"sub-{label}", label) for label in labels]
    return chosen.scans


def _phenotyped(covariates: Covariates) -> Iterable[str]:
    return (label for table in covariates.tables.phenotype.values() for label in table.values)


def _proposal(
    name: str, columns: Mapping[str, Sequence[str]], entry: Mapping[str, Any], used: set[str]
) -> Proposal | str:
    """Return a task with a column as target, or why there is none."""
    column = columns[name]
    known = [text for text in column if text]
    if _KEYS.fullmatch(name.rpartition(".")[2].lower()):
        return "it names or dates the scan"
    if len(set(known)) < 2:
        return f"{len(known)} people have a value, and all the same" if known else "no one has a value"
    if _is_measured(known, entry) and len(known) < LEAST_OF_VALUES:
        return f"{len(known)} people have a value, and {LEAST_OF_VALUES} are needed"
    kind = _kind(known, entry)
    if kind is None:
        return f"{len(set(known))} different texts"
    classes, few, lacking = _classes(known, kind)
    if lacking:
        return lacking
    positive, remark = _positive(classes, Counter(known), entry) if kind == "binary" else (None, "")
    text = _text(entry)
    domain, is_known = domain_of(name, text)
    covariates = _covariates(name, columns)
    site = next((one for one in columns if one.lower() in _SITES and one != name), None)
    task = Task(
        _unique(name, used),
        domain,
        kind,
        name,
        text,
        str(entry.get("Units", "")) if kind == "regression" else "",
        positive,
        classes if few or kind == "ordinal" else (),
        covariates,
        site=site,
    )
    remarks = (
        f"{len(known)} of {len(column)} people have a value",
        remark,
        "" if is_known else "the domain is a guess: check it",
        f"site: the test by permutation compares people of the same {site}" if site else "",
        f"left out, too few people: {', '.join(few)}" if few else "",
        "ordered by size" if kind == "ordinal" else "",
    )
    return Proposal(task, tuple(filter(None, remarks)))


def _kind(known: Sequence[str], entry: Mapping[str, Any]) -> Kind | None:
    values, different = numbers(known), len(set(known))
    if different == 2:
        return "binary"
    if values is not None and different > _FEW:
        return "regression"
    if _is_measured(known, entry):
        return "regression" if _is_scale(known) else "ordinal"
    return "multiclass" if different <= _LEVELS else None


def _is_measured(known: Sequence[str], entry: Mapping[str, Any]) -> bool:
    """Tell whether values are numbers that are no codes of classes."""
    return numbers(known) is not None and not entry.get("Levels")


def _is_scale(known: Sequence[str]) -> bool:
    """Tell whether numbers are those of a scale: several, which are not ranks with enough people of each."""
    different = {float(text) for text in known}
    is_whole = all(map(float.is_integer, different))
    is_ranked = is_whole and max(different) - min(different) == len(different) - 1
    has_people = min(Counter(known).values()) >= LEAST_OF_LEVEL
    return len(different) >= _SCALE and not (is_ranked and has_people)


def _classes(known: Sequence[str], kind: Kind) -> tuple[tuple[str, ...], list[str], str]:
    """Return classes with enough people, those with too few, and why there is no task if so."""
    if kind == "regression":
        lacking = f"{len(known)} people have a value, and {LEAST_OF_VALUES} are needed"
        return (), [], lacking if len(known) < LEAST_OF_VALUES else ""
    least = LEAST_OF_LEVEL if kind == "ordinal" else LEAST_OF_CLASS
    counts = Counter(known)
    order = sorted(counts, key=lambda text: (float(text), text) if kind == "ordinal" else (0.0, text))
    kept = tuple(text for text in order if counts[text] >= least)
    few = [f"{text} ({counts[text]})" for text in order if counts[text] < least]
    numbers_of = some_of([f"{counts[text]} {text}" for text in order])
    too_few = len(kept) < (2 if kind == "binary" else 3)
    return kept, few, f"too few people of a class ({numbers_of})" if too_few else ""


def _positive(classes: Sequence[str], counts: Mapping[str, int], entry: Mapping[str, Any]) -> tuple[str, str]:
    """Return the positive class, and a sentence on why it was chosen and what the other is."""
    levels = entry.get("Levels", {})
    meanings = {text: str(levels.get(text, "")) or text for text in classes}
    named = [text for text in classes if _POSITIVE.fullmatch(meanings[text].lower())]
    others = [text for text in classes if _NEGATIVE.fullmatch(meanings[text].lower())]
    if len(named) == 1:
        chosen, why = named[0], "by its name"
    elif len(others) == 1:
        chosen, why = next(text for text in classes if text not in others), "by the name of the other"
    else:
        chosen = min(classes, key=lambda text: (counts[text], text))
        why = "as the rarer one" if len({*map(counts.__getitem__, classes)}) > 1 else "as the first by name"
    other = next(text for text in classes if text != chosen)
    more = f" ({meanings[chosen]})" if meanings[chosen] != chosen else ""
    return chosen, f"positive: {chosen}{more} was chosen {why}; the other is {other}. Check it"


def _covariates(target: str, columns: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return columns of age and sex, but those that hold the target or are held by it."""
    kept = []
    for name, column in columns.items():
        if name.lower() not in _COVARIATES or name == target or len({*column} - {""}) < 2:
            continue
        pairs = [pair for pair in zip(columns[target], column, strict=True) if all(pair)]
        one, other = zip(*pairs, strict=True) if pairs else ((), ())
        if pairs and not follows_from(one, other) and not follows_from(other, one):
            kept.append(name)
    return tuple(kept)


def _text(entry: Mapping[str, Any]) -> str:
    text = str(entry.get("LongName") or entry.get("Description") or "")
    return " ".join(text.split())


def _unique(column: str, used: set[str]) -> str:
    """Return a name of a task for a column."""
    base = re.sub(r"\W+", "_", column, flags=re.ASCII).strip("_") or "task"
    base = base if base[0].isalpha() else f"task_{base}"
    name, number = base, 2
    while name.lower() in used:
        name, number = f"{base}_{number}", number + 1
    return name
