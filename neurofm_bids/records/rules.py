"""The rules that turn measured values into flags: ``data/quality.toml``, the one place of all thresholds."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from neurofm_bids.records.flag import Flag

__all__ = ["CohortRules", "Rule", "cohort_rules", "raised_flags", "rules", "rules_of"]


@dataclass(frozen=True)
class Rule:
    """When a flag is raised.

    Parameters
    ----------
    value
        Name of a metric, or of another value that is measured for flags only.
    lowest, highest
        Range outside which the flag is raised; infinite where it has no end.
    message
        What is wrong, with places for ``{lowest}``, ``{highest}`` and the measured values.
    look
        What a person is to look at.
    when
        When it is raised, for the documentation, with the same places for the limits.
    """

    severity: Literal["warning", "serious"]
    value: str
    message: str
    look: str
    when: str
    lowest: float = -math.inf
    highest: float = math.inf


@dataclass(frozen=True)
class CohortRules:
    """When a scan stands out among those of its cohort.

    Parameters
    ----------
    mads
        Number of robust standard deviations (1.4826 times the median absolute deviation) from the median.
    least_scans
        Fewer scans with a value have none that stand out.
    worse
        Direction by metric in which quality is worse: ``low``, ``high`` or ``both``.
    """

    mads: float
    least_scans: int
    worse: Mapping[str, str]


@cache
def _read() -> dict[str, Any]:
    text = files("neurofm_bids").joinpath("data/quality.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def rules() -> Mapping[str, Rule]:
    """Return the rules of flags by name, those of one value in the order of the file.

    >>> rules()["low_overlap"].severity
    'serious'
    """
    return {name: Rule(**fields) for name, fields in _read()["flag"].items()}


def rules_of(value: str) -> list[Rule]:
    """Return the rules of one value, the serious ones first.

    >>> [rule.highest for rule in rules_of("noise")]
    [0.15, 0.1]
    """
    return [rule for rule in rules().values() if rule.value == value]


@cache
def cohort_rules() -> CohortRules:
    """Return when a scan stands out among those of its cohort."""
    return CohortRules(**_read()["cohort"])


def raised_flags(values: Mapping[str, Any]) -> tuple[Flag, ...]:
    """Return the flags that measured values raise; a value that is None or not known raises none.

    Of two flags of one value, the first of the file that is raised counts: the serious one stands first.
    """
    raised: dict[str, Flag] = {}
    for name, rule in rules().items():
        value = values.get(rule.value)
        if value is None or rule.value in raised or rule.lowest <= value <= rule.highest or math.isnan(value):
            continue
        text = rule.message.format(**values, lowest=rule.lowest, highest=rule.highest)
        raised[rule.value] = Flag(name, text, rule.severity, rule.look)
    return tuple(raised.values())
