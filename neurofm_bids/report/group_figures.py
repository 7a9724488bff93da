"""The pictures of the group report, as SVG text to be put into a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neurofm_bids.records.statistics import Components
from neurofm_bids.report.charts import (
    GREY,
    LINE,
    MANY,
    MAX_NAMES,
    SHAPE,
    new_figure,
    points,
    svg,
    write_name,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Strip", "plot_components", "plot_strips"]

_Array = npt.NDArray[np.float64]

_ENOUGH_FOR_SHAPE = 10


@dataclass(frozen=True)
class Strip:
    """One column over scans.

    Parameters
    ----------
    title, unit
        Of the column.
    values
        Shape (n,), finite.
    names
        Of the scan of each value.
    far
        Places of the values to draw in red, the farthest first: the first few are named.
    """

    title: str
    unit: str
    values: _Array
    names: tuple[str, ...]
    far: Sequence[int] = ()


def plot_strips(strips: Sequence[Strip], name: str, description: str) -> str:
    """Draw each column as points over the shape of their distribution, two per row of the figure.

    A black line marks the median; outliers are red, the farthest carry the scan's name.
    """
    lines = (len(strips) + 1) // 2
    with new_figure((10.4, 1.45 * lines)) as figure:
        for place, strip in enumerate(strips):
            _strip(figure.add_subplot(lines, 2, place + 1), strip)
        return svg(figure, name, description)


def plot_components(components: Components, ages: _Array, names: Sequence[str], description: str) -> str:
    """Draw the scans in the plane of two components, coloured by age in years where known (not NaN)."""
    x, y = components.scores.T
    known = np.isfinite(ages)
    with new_figure((6.2, 4.8)) as figure:
        axes = figure.add_subplot()
        style = {"s": 22, "linewidths": 0.3, "edgecolors": "white", "rasterized": x.size > MANY}
        if not known.all():
            axes.scatter(x[~known], y[~known], color="#9ca3af", label="age not known", **style)
        if known.any():
            dots = axes.scatter(x[known], y[known], c=ages[known], cmap="viridis", **style)
            figure.colorbar(dots, ax=axes, label="chronological age (years)", fraction=0.045)
            if not known.all():
                axes.legend(frameon=False, fontsize=8)
        for place in components.outliers[:MAX_NAMES]:
            write_name(axes, names[place], (x[place], y[place]), float(np.nanmin(x) + np.nanmax(x)) / 2)
        first, second = (f"{100 * share:.0f}% of variance" for share in components.explained)
        axes.set(xlabel=f"component 1 ({first})", ylabel=f"component 2 ({second})")
        axes.margins(0.08)
        return svg(figure, "components", description)


def _strip(axes: Axes, strip: Strip) -> None:
    values = strip.values
    axes.set_title(f"{strip.title} ({strip.unit})" if strip.unit not in {"1", "arbitrary"} else strip.title)
    axes.set(ylim=(-0.62, 0.95), yticks=[])
    axes.spines["left"].set_visible(False)
    axes.grid(visible=True, axis="x", color="#e5e7eb", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.margins(x=0.06)
    if not values.size:
        axes.text(0.5, 0.4, "not measured", transform=axes.transAxes, ha="center", color=GREY)
        axes.set_xticks([])
        return
    height = _density(axes, values)
    jitter = height * (2 * _halton(values.size) - 1)
    points(axes, values, jitter, strip.far)
    if values.size > 2:
        axes.plot([np.median(values)] * 2, [-0.5, 0.5], color=LINE, linewidth=1.6)
    if np.ptp(values) == 0:
        half = max(abs(float(values[0])) * 0.05, 1e-3)
        axes.set_xlim(values[0] - half, values[0] + half)
    _tick(axes)
    middle = sum(axes.get_xlim()) / 2
    for order, place in enumerate(strip.far[:MAX_NAMES]):
        write_name(
            axes, strip.names[place], (values[place], jitter[place]), middle, lift=12 + 9 * (order % 2)
        )


def _density(axes: Axes, values: _Array) -> _Array:
    """Draw the smoothed distribution and return half its height at each value, at most 0.45."""
    spread = float(np.ptp(values))
    if values.size < _ENOUGH_FOR_SHAPE or spread == 0:
        return np.full(values.size, 0.12 if values.size > 1 else 0.0)
    counts, edges = np.histogram(values, bins=200)
    width = 200 * max(0.9 * _scale(values) * values.size**-0.2 / spread, 0.01)  # Silverman 1986, in bins
    kernel = np.exp(-0.5 * (np.arange(-200, 201) / width) ** 2)
    smooth = np.convolve(counts, kernel)[200:400]
    smooth = 0.45 * smooth / smooth.max()
    centres = (edges[:-1] + edges[1:]) / 2
    axes.fill_between(centres, -smooth, smooth, color=SHAPE, linewidth=0)
    return np.asarray(np.interp(values, centres, smooth))


def _scale(values: _Array) -> float:
    low, high = np.percentile(values, [25, 75])
    return float(min(values.std(), (high - low) / 1.34) or values.std())


def _halton(size: int) -> _Array:
    """Return the base-2 van der Corput sequence in [0, 1): evenly spread without a random generator."""
    places = np.arange(1, size + 1)
    out, step = np.zeros(size), 0.5
    while places.any():
        out += step * (places & 1)
        places, step = places >> 1, step / 2
    return out


def _tick(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    axes.xaxis.set_major_locator(MaxNLocator(6))
    if max(map(abs, axes.get_xlim())) >= 1000:
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
