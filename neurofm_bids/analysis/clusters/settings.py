"""Settings of the analysis of clusters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["FEATURES", "METHODS", "ClusterSettings"]

FEATURES, METHODS = ("latent", "regional", "both"), ("kmeans", "hdbscan")


@dataclass(frozen=True)
class ClusterSettings:
    """What is clustered, and how.

    Parameters
    ----------
    features
        ``latent`` (the features of the model), ``regional`` (logarithms of the volumes of regions) or
        ``both``.
    adjust
        Columns whose linear effects are removed from the features first: age, sex, or columns of numbers
        such as ``intracranial_mm3``.
    methods
        ``kmeans`` and ``hdbscan``.
    numbers
        Least and greatest number of clusters that k-means tries. Where both are equal, the number is given:
        it is kept however unstable its clusters are.
    umap
        Whether two axes of UMAP are added.
    neighbours
        Nearest neighbours of each scan.
    """

    features: str = "latent"
    adjust: tuple[str, ...] = ()
    methods: tuple[str, ...] = METHODS
    numbers: tuple[int, ...] = (2, 8)
    umap: bool = False
    neighbours: int = 5

    @staticmethod
    def broken_rules(values: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
        """Yield the keys whose values are not valid, what is wrong, and what to do.

        >>> list(ClusterSettings.broken_rules({"numbers": (8, 2)}))[0][1]
        '8 to 2 is not a range of numbers of clusters'
        """
        if values.get("features", "latent") not in FEATURES:
            known = ", ".join(FEATURES)
            yield "features", f"{values['features']!r} are not known", f"Known features are {known}."
        for name in values.get("methods", ()):
            if name not in METHODS:
                yield "methods", f"{name!r} is not known", f"Known methods are {', '.join(METHODS)}."
        numbers = tuple(values.get("numbers", (2, 8)))
        if len(numbers) != 2 or not 2 <= numbers[0] <= numbers[-1]:
            text = " to ".join(map(str, numbers))
            yield "numbers", f"{text} is not a range of numbers of clusters", "Write [2, 8], for example."
        if values.get("neighbours", 0) < 0:
            yield "neighbours", f"{values['neighbours']} is below 0", "Use 0 for none."
