"""Change of a cohort: a linear mixed model of each measure over the time since the first scan."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neurofm_bids.analysis.change.fixed_effects import Design, design_of, fixed_terms
from neurofm_bids.analysis.change.reml import RemlFit, reml_fit
from neurofm_bids.analysis.change.times import ScanTimes, scan_times
from neurofm_bids.analysis.change.visits import RETEST_WEEKS, least_years, visits
from neurofm_bids.analysis.columns import check_columns_of
from neurofm_bids.analysis.design import LEAST_KNOWN, LEAST_OF_LEVEL, Terms
from neurofm_bids.readouts.permutation import holm
from neurofm_bids.readouts.threads import one_thread
from neurofm_bids.storage.text import some_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LEAST_PEOPLE", "LEAST_SLOPES", "MIXED_COLUMNS", "MixedModels", "mixed_models"]

_Array = npt.NDArray[np.float64]

LEAST_PEOPLE, LEAST_SLOPES = 10, 10
MIXED_COLUMNS = (
    "measure",
    "units",
    "term",
    "estimate",
    "standard_error",
    "lower95",
    "upper95",
    "p",
    "p_corrected",
    "people",
    "scans",
    "random_effects",
    "sd_intercept",
    "sd_slope",
    "sd_residual",
)


@dataclass(frozen=True)
class MixedModels:
    """Models of measures.

    Parameters
    ----------
    frame
        With the columns :data:`MIXED_COLUMNS`, a row for each term of each measure.
    remarks
        Sentences on measures without a model, and models without random slopes.
    """

    frame: pd.DataFrame
    remarks: tuple[str, ...] = ()


def mixed_models(
    table: pd.DataFrame,
    measures: Sequence[str],
    units: Mapping[str, str] | None = None,
    participant: str = "participant_id",
    age: str = "age",
    sex: str = "sex",
    covariates: Sequence[str] = (),
    categories: Collection[str] = (),
    times: ScanTimes | None = None,
    retest_weeks: float = RETEST_WEEKS,
) -> MixedModels:
    """Return a linear mixed model of each measure.

    Fixed effects are the years since the first scan (``years``), age and sex at the first scan, covariates as
    at the first scan, and the products of years and covariates (``years:<covariate>``). Numbers are centred
    on their mean over scans, so that ``years`` is the change per year at mean age and covariates, and in the
    reference level of each category that has a product. Random effects are an intercept per participant, and
    a slope where :data:`LEAST_SLOPES` participants have three visits. The fit is restricted maximum
    likelihood; intervals and p-values have a t distribution with as many degrees of freedom as there are
    participants beyond the fixed effects, which is somewhat wide. Participants with one scan inform all but
    the change.

    Age and sex are omitted where they are known of too few scans, and with a remark.

    Parameters
    ----------
    table
        One row per scan.
    measures, units
        Columns of numbers, and their units.
    participant, age, sex, covariates
        Columns.
    categories
        Covariates that are levels although their values are numbers.
    times
        Of the scans; from the column of the age and ``acq_time`` if absent.
    retest_weeks
        Scans of a participant that are at most so many weeks apart, or a month if 0, are one visit with the
        mean of their values.

    Raises
    ------
    NeuroFMError
        The table lacks a column.
    """
    import pandas as pd

    check_columns_of(table, *measures, participant, age, sex, *covariates)
    times = times or scan_times(table, participant, age, "acq_time")
    design = design_of(
        table, participant, [age, sex], covariates, categories, times.years, least_years(retest_weeks)
    )
    rows: list[tuple[object, ...]] = []
    remarks: dict[str, list[str]] = {
        f"without {name}, which is known of fewer than {LEAST_KNOWN:.0%} of the scans": list(measures)
        for name in design.omitted
    }
    for measure in measures:
        values = table[measure].to_numpy(dtype=np.float64, na_value=np.nan)
        with one_thread():
            made = _model(values, design)
        if isinstance(made, str):
            remarks.setdefault(f"not fitted: {made}", []).append(measure)
            continue
        if made.note:
            remarks.setdefault(made.note, []).append(measure)
        rows += made.rows(measure, (units or {}).get(measure) or None)
    frame = _corrected(pd.DataFrame(rows, columns=list(MIXED_COLUMNS)))
    rare = [_rare(part) for part in design.at_first if part.rare]
    return MixedModels(frame, (*(_sentence(what, names) for what, names in remarks.items()), *rare))


@dataclass(frozen=True)
class _Model:
    """A fit, the names of its terms, and a note on its random effects."""

    fit: RemlFit
    terms: tuple[str, ...]
    people: int
    scans: int
    has_slope: bool
    note: str

    def rows(self, measure: str, units: str | None) -> list[tuple[object, ...]]:
        """Return the rows of the table."""
        from scipy import stats

        fit, freedom = self.fit, self.people - len(self.terms)
        half = stats.t.ppf(0.975, freedom) * fit.standard_errors
        p = 2 * stats.t.sf(np.abs(fit.estimates / fit.standard_errors), freedom)
        numbers = zip(
            fit.estimates, fit.standard_errors, fit.estimates - half, fit.estimates + half, p, strict=True
        )
        random = "intercept_and_slope" if self.has_slope else "intercept"
        spread = fit.sd_intercept, fit.sd_slope if self.has_slope else np.nan, fit.sd_residual
        return [
            (measure, units, term, *map(float, row), np.nan, self.people, self.scans, random, *spread)
            for term, row in zip(self.terms, numbers, strict=True)
        ]


def _model(values: _Array, design: Design) -> _Model | str:
    """Return the model of a measure, or why there is none."""
    years = np.where(design.known, design.years, np.nan)
    made = visits(design.people, years, values, np.zeros(len(values)), design.least)
    people, years = made.people, made.years
    by_person = np.bincount(people)
    moved, n_people = int((by_person > 1).sum()), int((by_person > 0).sum())
    if moved < LEAST_PEOPLE:
        return f"{moved} participants have two times with all values, {LEAST_PEOPLE} are needed"
    terms, matrix = fixed_terms(design, made.place, years)
    needed = len(terms) + 1 + LEAST_PEOPLE
    if n_people < needed:
        return (
            f"{n_people} participants have all values, {needed} are needed for {len(terms) + 1} terms with "
            "the intercept"
        )
    constant = np.column_stack([np.ones(len(matrix)), matrix])
    wants_slope = int((by_person > 2).sum()) >= LEAST_SLOPES
    fit = _try(made.values, constant, people, years if wants_slope else None)
    note = "" if wants_slope else f"without random slopes: fewer than {LEAST_SLOPES} people have three times"
    if wants_slope and isinstance(fit, str):
        fit, note = _try(made.values, constant, people, None), f"without random slopes: {fit}"
    if isinstance(fit, str):
        return fit
    has_slope = wants_slope and not note
    return _Model(fit, ("intercept", *terms), n_people, int(made.scans.sum()), has_slope, note)


def _try(
    outcome: _Array, fixed: _Array, people: npt.NDArray[np.intp], slope_of: _Array | None
) -> RemlFit | str:
    """Return a fit that has converged, or why there is none."""
    try:
        fit = reml_fit(outcome, fixed, people, slope_of)
    except (ValueError, np.linalg.LinAlgError) as error:
        return f"the model cannot be fitted ({error})"
    finite = np.isfinite(fit.estimates).all() and np.isfinite(fit.standard_errors).all()
    return fit if fit.converged and finite else "the fit did not converge"


def _corrected(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with p-values that are corrected over the measures, for each term."""
    for term, places in frame.groupby("term", sort=False).groups.items():
        if term != "intercept":
            by_measure = dict(zip(frame.loc[places, "measure"], frame.loc[places, "p"], strict=True))
            frame.loc[places, "p_corrected"] = frame.loc[places, "measure"].map(holm(by_measure))
    return frame


def _sentence(what: str, measures: Sequence[str]) -> str:
    return f"Mixed models {what}. Measures: {len(measures)} ({some_of(measures)})."


def _rare(part: Terms) -> str:
    return (
        f"Levels of {part.column} with fewer than {LEAST_OF_LEVEL} participants count as not known in mixed "
        f"models: {some_of(part.rare)}."
    )
