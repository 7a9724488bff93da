"""Cost of the group report of simulated cohorts: rendering, size, and loading and operating it in Chromium.

    python benchmarks/group_report.py [SCANS ...]

For each number of scans (two per participant), tables of simulated scans are rendered, of which about 230
columns are in the plots; then the page is opened in headless Chromium (1200 x 900 pixels, no GPU). `ready` is
the time from navigation until plots and table can be used. `brush` is the time from selecting 15 % of the
scans until all plots on the screen and the table show it; `filter` the same for a condition on age, `sort`
for sorting the table. The page is scrolled to the two plots of age. Medians of five.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from neurofm_bids.report.group import render_group_report
from neurofm_bids.report.pdf import find_browser
from tests.browsing import browsing
from tests.report.cohort_tables import cohort_of, simulated

ROUNDS = 5
READY = "document.documentElement.dataset.ready"
FRAME = "await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
BRUSH = "report.state.select([...Array(n).keys()].filter(i => (i * 7 + turn) % 100 < 15), false)"
FILTER = """report.state.filters.length = 0; report.state.filters.push({text: "",
  column: report.state.cohort.named.get("chronological_age_years"), admits: age => age > 20 + 5 * turn});
  report.state.filter()"""
SORT = "document.querySelectorAll('#scan-table th button')[turn + 1].click()"


def timed(page, action: str) -> float:
    """Return the median milliseconds of an action until the page shows it."""
    times = [
        page.run(
            f"(async () => {{ const turn = {turn}, n = report.state.cohort.size, start = performance.now();"
            f"{action}; {FRAME}; return performance.now() - start; }})()"
        )
        for turn in range(ROUNDS)
    ]
    return statistics.median(times)


def measure(count: int, folder: Path) -> str:
    tables = simulated(count)
    people = tables["predictions"].frame["participant_id"].unique()
    start = time.perf_counter()
    html = render_group_report(tables, cohort_of(count), {name[4:]: f"{name}.html" for name in people})
    rendered = time.perf_counter() - start
    path = folder / "group.html"
    path.write_text(html)
    with browsing(find_browser(), folder / "profile") as page:
        loads = []
        for _ in range(3):
            page.open(path.as_uri(), 1200, 900)
            page.wait(READY)
            loads.append(page.run(f"Number({READY})"))
        page.run("document.getElementById('age').scrollIntoView()")
        page.wait("report.plots.find(plot => plot.spec.line).px")
        shown = page.run("report.state.cohort.size")
        times = [timed(page, action) for action in (BRUSH, FILTER, SORT)]
    cells = (count, shown, rendered, len(html) / 1e6, statistics.median(loads) / 1000, *times)
    return "| {:,} | {:,} | {:.1f} | {:.1f} | {:.1f} | {:.0f} | {:.0f} | {:.0f} |".format(*cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scans", type=int, nargs="*", default=[1000, 10_000, 100_000])
    names = ("scans", "in plots", "rendered (s)", "size (MB)", "ready (s)", "brush (ms)", "filter (ms)")
    print(f"| {' | '.join((*names, 'sort (ms)'))} |")
    print(f"|{' --- |' * (len(names) + 1)}")
    for count in parser.parse_args().scans:
        with tempfile.TemporaryDirectory() as folder:
            print(measure(count, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
