"""Judge the values that benchmarks/quality_faults.py recorded, and print the tables of docs/quality.md.

Usage: python benchmarks/quality_table.py WORK

The rules are those of the package, so that limits can be evaluated without running scans again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Set
from pathlib import Path
from typing import Any

import numpy as np
from quality_faults import lines
from quality_injection import FAULTS, Fault
from scipy.stats import spearmanr

from neurofm_bids.preprocess.iqm import METRIC_NAMES
from neurofm_bids.records.judgement import judge
from neurofm_bids.records.rules import Rule, raised_flags, rules, rules_of


def status(row: dict[str, Any], before: Set[str] = frozenset()) -> str:
    """Return the judgement of a line, without the flags of the unchanged scan: ok, check, fail or refused."""
    if "refused" in row:
        return "refused"
    return judge(flag for flag in raised_flags(row["values"]) if flag.name not in before).status


def table(work: Path) -> None:
    """Print sensitivity, monotonicity and false alarms."""
    rows, as_they_are = lines(work / "faults.jsonl"), lines(work / "clean.jsonl")
    print(
        "| Fault | Gross from | n gross | caught (fail or refused) | at least check | n mild | mild caught |",
        end="",
    )
    print(" Spearman with metrics |\n| --- | --- | --- | --- | --- | --- | --- | --- |")
    before = {row["scan"]: {flag.name for flag in raised_flags(row["values"])} for row in as_they_are}
    counts = []
    for kind, fault in FAULTS.items():
        mine = [row for row in rows if row["kind"] == kind]
        gross = [status(row, before[row["scan"]]) for row in mine if row["strength"] >= fault.gross]
        mild = [status(row, before[row["scan"]]) for row in mine if row["strength"] < fault.gross]
        failed = sum(s in {"fail", "refused"} for s in gross)
        noticed = sum(s != "ok" for s in gross)
        counts.append((len(gross), failed, noticed))
        print(
            f"| {kind} | {fault.gross:g} {fault.unit} | {len(gross)} | {_share(failed, len(gross))} "
            f"| {_share(noticed, len(gross))} | {len(mild)} "
            f"| {_share(sum(s != 'ok' for s in mild), len(mild))} "
            f"| {_monotonicity(mine, fault)} |"
        )
    n, *found = np.sum(counts, axis=0)
    means = [np.mean([one[place] / one[0] for one in counts if one[0]]) for place in (1, 2)]
    print(f"| all cases | | {n} | {' | '.join(_share(part, n) for part in found)} | | | |")
    print(f"| mean over the faults | | | {' | '.join(f'{mean:.0%}' for mean in means)} | | | |\n")
    _print_scans(rows, before)
    followed = {name for fault in FAULTS.values() for name, _ in _followed(fault)}
    print("Not followed:", ", ".join(f"`{name}`" for name in METRIC_NAMES if name not in followed), "\n")
    _print_clean(as_they_are)
    _print_limits(as_they_are)


def _print_clean(rows: list[dict[str, Any]]) -> None:
    """Print the judgement of the scans as they are, and the flags of those that have one."""
    print("| Clean scans | n | ok | check | fail |\n| --- | --- | --- | --- | --- |")
    for group in dict.fromkeys(row["scan"].split("_")[0] for row in rows):
        found = [status(row) for row in rows if row["scan"].startswith(group)]
        by_status = " | ".join(str(found.count(s)) for s in ("ok", "check", "fail"))
        print(f"| {group} | {len(found)} | {by_status} |")
    print()
    for row in rows:
        for flag in raised_flags(row["values"]):
            print(f"{row['scan']}: {flag.severity}: {flag.message}")
    print()


def _print_limits(rows: list[dict[str, Any]]) -> None:
    """Print the limits of each value, and the worst of the scans without a flag."""
    print("| Value | `check` beyond | `fail` beyond | n | worst without a flag |")
    print("| --- | --- | --- | --- | --- |")
    clean = [row["values"] for row in rows if not raised_flags(row["values"])]
    for name in dict.fromkeys(rule.value for rule in rules().values()):
        found = [values[name] for values in clean if values.get(name) is not None]
        by_severity = {rule.severity: rule for rule in rules_of(name)}
        limits = {
            severity: [f"{limit:g}" for limit in (rule.lowest, rule.highest) if np.isfinite(limit)]
            for severity, rule in by_severity.items()
        }
        ends = {end for rule in by_severity.values() for end in _ends(rule)}
        worst = (
            " to ".join(f"{float(f'{end(found):.3g}'):g}" for end in (min, max) if end in ends)
            if found
            else "n/a"
        )
        cells = (" and ".join(limits.get(severity, [])) for severity in ("warning", "serious"))
        print(f"| `{name}` | {' | '.join(cells)} | {len(found)} | {worst} |")


def _ends(rule: Rule) -> tuple[Callable[..., float], ...]:
    """Return which ends of the range of a value have a limit."""
    return tuple(end for end, limit in ((min, rule.lowest), (max, rule.highest)) if np.isfinite(limit))


def _print_scans(rows: list[dict[str, Any]], before: dict[str, Set[str]]) -> None:
    """Print how many gross faults of each scan are caught: thresholds may have been set on some of them."""
    print("| Scan | cases | n gross | caught (fail or refused) | at least check |")
    print("| --- | --- | --- | --- | --- |")
    for name in dict.fromkeys(row["scan"] for row in rows):
        mine = [row for row in rows if row["scan"] == name]
        gross = [status(r, before[name]) for r in mine if r["strength"] >= FAULTS[r["kind"]].gross]
        caught = _share(sum(s in {"fail", "refused"} for s in gross), len(gross))
        noticed = _share(sum(s != "ok" for s in gross), len(gross))
        print(f"| {name} | {len(mine)} | {len(gross)} | {caught} | {noticed} |")
    print()


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "none"


def _followed(fault: Fault) -> tuple[tuple[str, int], ...]:
    return ((fault.metric, fault.sign), *fault.further)


def _monotonicity(rows: list[dict[str, Any]], fault: Fault) -> str:
    return "; ".join(f"`{name}` {_correlation(rows, name, sign)}" for name, sign in _followed(fault))


def _correlation(rows: list[dict[str, Any]], metric: str, sign: int) -> str:
    """Return the median over scans of Spearman's rank correlation of a metric with the strength."""
    found, counts = [], []
    for name in {row["scan"] for row in rows}:
        mine = [row for row in rows if row["scan"] == name and "values" in row]
        pairs = [(row["strength"], row["values"][metric]) for row in mine]
        pairs = [(strength, value) for strength, value in pairs if value is not None]
        if len(pairs) >= 5 and len({value for _, value in pairs}) > 1:
            found.append(sign * float(spearmanr(*zip(*pairs, strict=True)).statistic))
            counts.append(len(pairs))
    if len(found) < 2:
        return f"{found[0]:.2f} (1 scan, {counts[0]} strengths)" if found else "n/a"
    return f"{np.median(found):.2f} ({min(found):.2f} to {max(found):.2f}, {len(found)} scans)"


if __name__ == "__main__":
    table(Path(sys.argv[1]))
