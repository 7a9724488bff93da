"""Pictures of reports for the documentation, from an output folder.

    python -m docs.screenshots OUT [--participant sub-01] [--figures docs/figures] [--only NAME ...]

Run in the root of the repository; needs Chromium. Each picture shows one element of a report, as a reader
sees it in a window of the given width, in 256 colours. The pictures of the documentation are of OpenNeuro
ds002748 (CC0), participant and group level, and, with ``--only report-change``, of the outputs of the
tutorial of longitudinal data.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from neurofm_bids.report.pdf import find_browser
from tests.browsing import browsing

__all__ = ["PICTURES", "Picture", "draw"]


@dataclass(frozen=True)
class Picture:
    """One element of a report.

    Parameters
    ----------
    element
        CSS selector; empty for the first screen.
    is_group
        Whether it is in the report of the cohort.
    width, height
        Of the window, in pixels; an element that is higher is cut.
    ready
        JavaScript that is true when the page can be used.
    participant
        Whose report it is; empty for that of ``--participant``.
    """

    element: str
    is_group: bool = False
    width: int = 1100
    height: int = 900
    ready: str = "true"
    participant: str = ""


_READY = "document.documentElement.dataset.ready"
PICTURES = {
    "report": Picture("", height=800),
    "report-images": Picture("#pictures-1", height=1080),
    "report-volumes": Picture("#profile-1", height=900),
    "report-change": Picture("#sessions", height=1000),
    "report-flagged": Picture("#scan-1", height=560, participant="sub-56"),
    "mask-missing-cortex": Picture("#pictures-1 figure", participant="sub-56"),
    "mask-neck": Picture("#pictures-1 figure", participant="sub-45"),
    "group-predictions": Picture("#predictions", is_group=True, width=1200, ready=_READY),
    "group-age": Picture("#age", is_group=True, width=1200, ready=_READY),
    "group-quality": Picture("#quality", is_group=True, width=1200, height=1080, ready=_READY),
}


def draw(page: Any, picture: Picture, report: Path) -> bytes | None:
    """Return a picture as PNG, or None where the report has no such element."""
    page.open(report.resolve().as_uri(), picture.width, picture.height)
    page.wait(picture.ready)
    selector = picture.element or "body"
    if not page.run(f"Boolean(document.querySelector('{selector}'))"):
        return None
    if picture.element:  # bars that stay at the top would cover it
        page.run("document.querySelectorAll('nav, #desk').forEach(bar => { bar.style.display = 'none' })")
    page.run(f"document.querySelector('{selector}').scrollIntoView()")
    page.run("new Promise(done => setTimeout(done, 1500))")
    height = page.run(f"document.querySelector('{selector}').getBoundingClientRect().height")
    shown = Image.open(io.BytesIO(page.picture())).convert("RGB")
    if picture.element:
        top = page.run(f"Math.max(0, document.querySelector('{selector}').getBoundingClientRect().top)")
        shown = shown.crop((0, int(top), shown.width, min(shown.height, int(top + height) + 8)))
    data = io.BytesIO()
    shown.quantize(256, dither=Image.Dither.NONE).save(data, "PNG", optimize=True)
    return data.getvalue()


def main(argv: Sequence[str] | None = None) -> None:
    """Write the pictures that the reports of an output folder have."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--participant", default="sub-01")
    parser.add_argument("--figures", type=Path, default=Path(__file__).parent / "figures")
    parser.add_argument("--only", nargs="+", choices=PICTURES, default=list(PICTURES))
    given = parser.parse_args(argv)
    cohort = next(iter(sorted(given.out.glob("group_desc-*.html"))), given.out / "group.html")
    with (
        tempfile.TemporaryDirectory() as folder,
        browsing(find_browser(), Path(folder) / "profile") as page,
    ):
        for name in given.only:
            picture = PICTURES[name]
            whose = picture.participant or given.participant
            report = cohort if picture.is_group else given.out / f"{whose}.html"
            data = draw(page, picture, report) if report.is_file() else None
            if data:
                (given.figures / f"{name}.png").write_bytes(data)
            said = f"{len(data) // 1000} kB" if data else "not in these reports"
            sys.stdout.write(f"{name}: {said}\n")


if __name__ == "__main__":
    main()
