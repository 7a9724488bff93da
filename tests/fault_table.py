"""A pytest plugin that writes the table of docs/reliability.md from the tests marked ``fault`` that were run.

python -m pytest -p tests.fault_table --fault-table docs/reliability_table.md
"""

import platform
from datetime import UTC, datetime
from pathlib import Path

import pytest

_HEAD = "| Fault or input | What happens | Seen |\n| --- | --- | --- |\n"


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
    rows.setdefault(marker.args, []).append(_word(report))


def _word(report):
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else "expected to fail"
        return f"not here: {reason.removeprefix('Skipped: ')}"
    return "yes" if report.passed else "NO"


def pytest_sessionfinish(session):
    path = session.config.getoption("--fault-table")
    if path is None:
        return
    now = datetime.now(UTC).date().isoformat()
    system = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    found = session.config.stash[_FOUND]
    lines = [f"Written by the fault suite (`make faults`, a part of `make test-all`) on {now}: {system}.\n"]
    for section, rows in sorted(found.items()):
        lines.append(f"\n### {section}\n\n{_HEAD}")
        lines += [_row(what, outcome, seen) for (what, outcome), seen in sorted(rows.items())]
    path.write_text("".join(lines), encoding="utf-8")


def _row(what, outcome, seen):
    """Return one row; of several tests the worst outcome counts."""
    worst = next((word for word in seen if word == "NO"), None) or max(seen, key=len)
    cells = (text.replace("|", "\\|").replace("<", "&lt;") for text in (what, outcome, worst))
    return f"| {' | '.join(cells)} |\n"


_FOUND = pytest.StashKey()
