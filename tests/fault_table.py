"""A pytest plugin that writes the table of docs/reliability.md from the tests marked ``fault`` that were run.

    python -m pytest -p tests.fault_table --fault-table docs/reliability_table.md

Rows of a table that is there already stay unless their tests are run again: each has the date of its run.
"""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

_HEAD = "| Fault or input | What happens | Seen |\n| --- | --- | --- |\n"
_FOUND = pytest.StashKey()


def pytest_addoption(parser):
    parser.addoption("--fault-table", type=Path, help="write what became of the tests marked fault")


def pytest_configure(config):
    config.stash[_FOUND] = {}


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    marker = item.get_closest_marker("fault")
    if marker is None or (report.when != "call" and report.passed):
        return
    section = (item.module.__doc__ or item.module.__name__).strip().splitlines()[0].rstrip(".")
    rows = item.config.stash[_FOUND].setdefault(section, {})
    rows.setdefault(tuple(map(_plain, marker.args)), []).append(_word(report))


def _word(report):
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else "expected to fail"
        return f"not here: {_plain(reason.removeprefix('Skipped: '))}"
    return "yes" if report.passed else "NO"


def _plain(text):
    return " ".join(text.replace("|", "/").replace("<", "&lt;").split())


def pytest_sessionfinish(session):
    path = session.config.getoption("--fault-table")
    if path is None:
        return
    today = datetime.now(UTC).date().isoformat()
    table = read_table(path)
    for section, rows in session.config.stash[_FOUND].items():
        for row, seen in rows.items():  # of several tests the worst outcome counts
            worst = "NO" if "NO" in seen else max(seen, key=len)
            table.setdefault(section, {})[row] = f"{worst} ({today})"
    write_table(path, table)


def read_table(path):
    """Return the rows of a table by section: ``(what, outcome)`` to what was seen."""
    table, section = {}, ""
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        elif match := re.fullmatch(r"\| (?!---|Fault or input)(.*) \| (.*) \| (.*) \|", line):
            what, outcome, seen = match.groups()
            table.setdefault(section, {})[what, outcome] = seen
    return table


def write_table(path, table):
    lines = ["# Tested faults\n\nWritten by the fault suite (`make faults`, a part of `make test-all`).\n"]
    for section, rows in sorted(table.items()):
        lines.append(f"\n## {section}\n\n{_HEAD}")
        lines += [f"| {what} | {outcome} | {seen} |\n" for (what, outcome), seen in sorted(rows.items())]
    path.write_text("".join(lines), encoding="utf-8")
