"""Features as they would be at a site with the location and scale of all sites."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neurofm_bids.readouts.parts import Harmonisation, Site

__all__ = ["at_common_site", "harmonisation_fault", "harmonised"]

_Values = npt.NDArray[np.float64]
_SMALLEST, _LARGEST = 1e-50, 1e50


def at_common_site(
    features: _Values, of_covariates: _Values, level: _Values, location: _Values, scale: _Values
) -> _Values:
    """Return features of one site as they would be at a common site, shape (n, p), in their own units.

    What covariates add is left as it is: functions regress on covariates themselves.

    Parameters
    ----------
    features
        Shape (n, p).
    of_covariates
        What covariates add to the features, shape (n, p).
    level, location, scale
        Shape (p,), as in :class:`~neurofm_bids.readouts.parts.Harmonisation`.
    """
    return np.asarray(level + (features - of_covariates - location) / scale + of_covariates)


def harmonised(made: Harmonisation, site: str, features: _Values, covariates: _Values) -> _Values | None:
    """Return the features of a scan at the common site, shape (p,); None if the training lacks its site.

    Parameters
    ----------
    site
        As in the tables of the dataset.
    features, covariates
        Shapes (p,) and (q,); covariates are coded.
    """
    if site not in made.sites:
        return None
    own, slopes = made.sites[site], np.array(made.slopes, dtype=np.float64).reshape(-1, len(made.level))
    of_covariates = (covariates - np.array(made.centre)) @ slopes
    level, location, scale = map(np.array, (made.level, own.location, own.scale))
    return at_common_site(features, of_covariates, level, location, scale)


def harmonisation_fault(made: Harmonisation, features: int, covariates: int) -> str:
    """Return in what the parts of a harmonisation do not fit together; empty if they do."""
    rows = (*made.slopes, made.level, *(row for one in made.sites.values() for row in _rows(one)))
    if {*map(len, rows)} != {features} or {len(made.centre), len(made.slopes)} != {covariates}:
        return "the harmonisation is not of as many features and covariates"
    if any(not scale >= _SMALLEST for one in made.sites.values() for scale in one.scale):
        return f"a scale of a site is less than {_SMALLEST:g}"
    if float(np.abs(np.array(rows)).max()) > _LARGEST:
        return f"a location or scale of a site is larger than {_LARGEST:g}"
    return "" if made.sites else "the harmonisation has no site"


def _rows(site: Site) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return site.location, site.scale
