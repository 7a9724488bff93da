"""What all charts share: style, points with names, SVG text that can be put into a page."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "FAR",
    "GREY",
    "LINE",
    "MANY",
    "MAX_NAMES",
    "new_figure",
    "plot_agreement",
    "points",
    "svg",
    "write_name",
]

_Array = npt.NDArray[np.float64]

_POINT, FAR, LINE, GREY = "#1f5f8b", "#b3261e", "#1b1b1b", "#6b7280"
MANY = 1500  # more points than this are drawn as one bitmap inside the SVG
MAX_NAMES = 3
_STYLE = {
    "svg.hashsalt": "neurofm",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.formatter.useoffset": False,
    "text.parse_math": False,
}


def plot_agreement(
    known: _Array,
    predicted: _Array,
    names: Sequence[str],
    labels: tuple[str, str],
    name: str,
    description: str,
    far: Sequence[int] = (),
    margin: float = 2.0,
) -> str:
    """Draw predicted against known values, both of shape (n,), with the line of identity.

    Parameters
    ----------
    names
        Of the scans.
    labels
        Of the two axes, units included.
    name, description
        Identifier of the figure within its page, and its description for screen readers.
    far
        Places of the scans to draw in red, the farthest from the line first: the first few are named.
    margin
        Smallest space around the points.
    """
    with new_figure((5.4, 4.8)) as figure:
        axes = figure.add_subplot()
        both = np.concatenate([known, predicted])
        margin = max(margin, 0.06 * float(np.ptp(both)))
        ends = (float(both.min()) - margin, float(both.max()) + margin)
        axes.plot(ends, ends, color=GREY, linewidth=1, linestyle="--", label="identity")
        points(axes, known, predicted, far)
        for place in far[:MAX_NAMES]:
            write_name(axes, names[place], (known[place], predicted[place]), sum(ends) / 2)
        axes.set(xlim=ends, ylim=ends, aspect="equal", xlabel=labels[0], ylabel=labels[1])
        axes.legend(frameon=False, loc="upper left", fontsize=8)
        return svg(figure, name, description)


def points(axes: Axes, x: _Array, y: _Array, far: Sequence[int]) -> None:
    """Draw points, those at the places in ``far`` in red."""
    near = np.ones(x.size, dtype=bool)
    near[list(far)] = False
    style: dict[str, Any] = {"linewidths": 0.3, "edgecolors": "white", "zorder": 3}
    many = x.size > MANY
    axes.scatter(x[near], y[near], s=6 if many else 20, color=_POINT, rasterized=many, alpha=0.75, **style)
    if len(far):
        axes.scatter(x[~near], y[~near], s=24, color=FAR, rasterized=len(far) > MANY, **style)


def write_name(axes: Axes, text: str, point: tuple[float, float], middle: float, lift: float = 0) -> None:
    """Write the name of a scan beside its point, towards the middle of the picture."""
    left = point[0] > middle
    axes.annotate(
        text,
        point,
        xytext=(-5 if left else 5, lift),
        textcoords="offset points",
        ha="right" if left else "left",
        va="center",
        fontsize=7.5,
        color=FAR,
        zorder=4,
    )


@contextmanager
def new_figure(size: tuple[float, float]) -> Iterator[Figure]:
    """Yield an empty figure, size in inches, in the style of the reports."""
    from matplotlib import style
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure as NewFigure

    # The defaults first: a matplotlibrc in the current folder could hand the names of scans to LaTeX.
    with style.context(["default", _STYLE]):  # type: ignore[list-item, unused-ignore]
        figure = NewFigure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        yield figure


def svg(figure: Figure, name: str, description: str) -> str:
    """Return the figure as an SVG element: without date or external addresses, with unique names."""
    stream = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(stream, format="svg", dpi=150, metadata=nothing)
    text = stream.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r"<[^>]+>", lambda tag: _own(tag.group(), name), text)  # not what is between the tags
    label = html.escape(description, quote=True)
    return text.replace("<svg", f'<svg role="img" aria-label="{label}"', 1).strip()


def _own(tag: str, name: str) -> str:
    """Return a tag without outside addresses, its names marked as those of one figure."""
    tag = re.sub(r'\s+xmlns(:xlink)?="[^"]*"', "", tag)
    return re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", tag)
