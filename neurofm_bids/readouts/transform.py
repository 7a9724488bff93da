"""What is done to the features of the scans of a training before a model is fitted, and its inverse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from neurofm_bids.combat import pooled_sd, site_effect, within_slopes
from neurofm_bids.readouts.harmonisation import at_common_site
from neurofm_bids.readouts.parts import Harmonisation, Linear, Site
from neurofm_bids.readouts.samples import Samples

__all__ = ["LEAST_OF_SITE", "Transform", "learn_transform", "site_note"]

_Values = npt.NDArray[np.float64]
LEAST_OF_SITE = 5  # scans of a site from which its location and scale are estimated
_SMALL = 1e-9  # of a standard deviation, relative to the size of the values: such a feature is constant


@dataclass(frozen=True)
class Transform:
    """Covariate regression, harmonisation by site and scaling, as learned from the scans of a training.

    Parameters
    ----------
    centre
        Means of the covariates, shape (q,).
    slopes
        Change of each feature per unit of each covariate, shape (q, p).
    level
        Means of what is left after regression, shape (p,), which harmonised sites get.
    sites
        Mean of what is left within each site, and its standard deviation relative to all, by number of the
        site.
    mean, sd
        Of harmonised features, shape (p,); the standard deviation of a constant feature is infinite.
    """

    centre: _Values
    slopes: _Values
    level: _Values
    sites: Mapping[int, tuple[_Values, _Values]]
    mean: _Values
    sd: _Values

    def apply(self, samples: Samples) -> _Values:
        """Return standardised features, shape (n, p); a site that is not known is left as it is."""
        left = self.harmonised(samples) - (samples.covariates - self.centre) @ self.slopes
        return np.asarray((left - self.mean) / self.sd)

    def harmonised(self, samples: Samples) -> _Values:
        """Return the features at a common site, shape (n, p), in their own units, not regressed."""
        made = samples.features.copy()
        of_covariates = (samples.covariates - self.centre) @ self.slopes
        for site, (location, scale) in self.sites.items():
            rows = samples.sites == site
            made[rows] = at_common_site(made[rows], of_covariates[rows], self.level, location, scale)
        return made

    def harmonisation(self, names: Sequence[str]) -> Harmonisation | None:
        """Return what a readout needs to harmonise the features of a scan; None if nothing was harmonised.

        Parameters
        ----------
        names
            Of the sites by their numbers.
        """
        if not self.sites:
            return None
        return Harmonisation(
            tuple(self.centre.tolist()),
            tuple(map(tuple, self.slopes.tolist())),
            tuple(self.level.tolist()),
            {
                names[site]: Site(tuple(location.tolist()), tuple(scale.tolist()))
                for site, (location, scale) in self.sites.items()
            },
        )

    def unfold(self, weights: _Values, intercept: float) -> Linear:
        """Return a linear function of standardised features, weights (p,), in the units of the features.

        It is one of harmonised features.
        """
        coefficients = weights / self.sd
        of_covariates = -(self.slopes @ coefficients)
        constant = intercept - self.mean @ coefficients - self.centre @ of_covariates
        return Linear(float(constant), tuple(coefficients.tolist()), tuple(of_covariates.tolist()))


def learn_transform(samples: Samples) -> Transform:
    """Learn the transform of the features from the scans of a training, and from them only.

    Features are regressed on covariates by least squares, with a constant for each site if they are
    harmonised. Harmonisation (:mod:`neurofm_bids.combat`, without empirical Bayes) then takes the shift and
    the scale of each site from the residuals; sites of fewer than five scans are left as they are.
    """
    centre = samples.covariates.mean(axis=0)
    design = samples.covariates - centre
    slopes = _slopes(samples, design)
    left = samples.features - design @ slopes
    level = left.mean(axis=0)
    sites = _sites(left, level, samples.sites) if samples.is_harmonised else {}
    plain = Transform(centre, slopes, level, sites, np.zeros_like(level), np.ones_like(level))
    harmonised = plain.apply(samples)
    mean, sd = harmonised.mean(axis=0), harmonised.std(axis=0)
    is_constant = sd <= _SMALL * np.maximum(np.abs(mean), np.abs(level))
    return replace(plain, mean=mean, sd=np.where(is_constant, np.inf, sd))


def site_note(sites: int) -> str:
    """Return what harmonisation within so many sites means for the use of a readout."""
    return (
        f"Features were harmonised within {sites} sites of the training; scans of other sites, and of sites "
        f"with fewer than {LEAST_OF_SITE} scans, have no score."
    )


def _slopes(samples: Samples, design: _Values) -> _Values:
    """Return the slopes on centred covariates, shape (q, p), within sites if those are harmonised."""
    sites = samples.sites if samples.is_harmonised else np.zeros_like(samples.sites)
    return within_slopes(samples.features, design, sites)


def _sites(left: _Values, level: _Values, sites: npt.NDArray[np.intp]) -> dict[int, tuple[_Values, _Values]]:
    """Return location and scale of each site that has enough scans."""
    numbers, counts = np.unique(sites, return_counts=True)
    known = [int(site) for site, n in zip(numbers, counts, strict=True) if n >= LEAST_OF_SITE]
    sd = pooled_sd(left, sites)
    effects = {site: site_effect(left[sites == site], level, sd, shrink=False) for site in known}
    return {site: (effect.location, effect.scale) for site, effect in effects.items()}
