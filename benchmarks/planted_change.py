"""Planted change per year: whether the mixed model recovers it, and how often unchanged people seem changed.

    python benchmarks/planted_change.py [--cohorts 300]

A measure = level + (change + own change) years + error; levels differ by sd 3, errors have sd 0.8, own
changes sd 0.3 or none; cases change by 0.4 per year more. Sessions are 0.7 to 1.3 years apart, and with
dropout each person misses each session but the first with a probability of a third. Prints over cohorts: bias
and coverage of the 95 % intervals of the mixed model; how often unchanged people are called reliably changed,
for each source of the error; and for some cohorts how far the fit is from that of statsmodels, and the time
of both.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
import pandas as pd
from statsmodels.regression.mixed_linear_model import MixedLM

from neurofm_bids.analysis.change.mixed_model import mixed_models
from neurofm_bids.analysis.change.person_table import change_per_year
from neurofm_bids.analysis.change.reml import reml_fit
from neurofm_bids.analysis.change.times import scan_times
from neurofm_bids.readouts.threads import one_thread

CHANGE, OF_CASES, SD_PEOPLE, ERROR = -0.5, -0.4, 3.0, 0.8
DESIGNS = {  # people, scans, sd of own changes, dropout
    "25 people, 3 scans": (25, 3, 0.3, 0.0),
    "60 people, 3 scans": (60, 3, 0.3, 0.0),
    "60 people, 3 scans, equal changes": (60, 3, 0.0, 0.0),
    "60 people, 2 scans": (60, 2, 0.3, 0.0),
    "60 people, 4 scans, dropout": (60, 4, 0.3, 1 / 3),
    "200 people, 3 scans": (200, 3, 0.3, 0.0),
}


def simulated(people, scans, sd_change, dropout, seed, *, change=CHANGE, of_cases=OF_CASES, retests=0):
    """Return a table of scans; the first ``retests`` people are scanned again two weeks after the first."""
    rng = np.random.default_rng(seed)
    years = np.zeros((people, scans))
    years[:, 1:] = np.cumsum(rng.uniform(0.7, 1.3, (people, scans - 1)), axis=1)
    kept = rng.random((people, scans)) >= dropout
    kept[:, 0] = True
    person, _ = np.nonzero(kept)
    person, years = np.append(person, np.arange(retests)), np.append(years[kept], np.full(retests, 2 / 52))
    case = rng.permutation(people) < 0.4 * people
    age = rng.uniform(50, 80, people)
    own = change + of_cases * case + rng.normal(0, 1, people) * sd_change
    level = 100 + 0.05 * age + rng.normal(0, SD_PEOPLE, people)
    return pd.DataFrame(
        {
            "participant_id": [f"sub-{one:04d}" for one in person],
            "session_id": [f"ses-{place:05d}" for place in range(len(person))],
            "age": age[person] + years,
            "sex": np.where(rng.random(people) < 0.5, "F", "M")[person],
            "group": np.where(case, "case", "control")[person],
            "x": level[person] + own[person] * years + rng.normal(0, ERROR, len(person)),
        }
    )


def coverage(cohorts):
    rows = []
    for name, (people, scans, sd_change, dropout) in DESIGNS.items():
        fits = []
        for seed in range(cohorts):
            table = simulated(people, scans, sd_change, dropout, seed)
            frame = mixed_models(table, ["x"], covariates=["group"]).frame.set_index("term")
            if len(frame):
                fits.append(frame)
        row = {"design": name, "fitted": len(fits) / cohorts}
        row["random slopes"] = np.mean([(fit["random_effects"] != "intercept").any() for fit in fits])
        for term, truth in (("years", CHANGE), ("years:group[case]", OF_CASES)):
            own = pd.DataFrame([fit.loc[term] for fit in fits])
            row[f"{term}: bias"] = own["estimate"].mean() - truth
            row[f"{term}: coverage"] = own["lower95"].lt(truth).mul(own["upper95"].gt(truth)).mean()
        rows.append(row)
    return pd.DataFrame(rows).set_index("design").round(3)


def false_positives(cohorts):
    """Return how often people who do not change, and who change by 1 per year, are called changed."""
    sources = {
        "given": {"error_sd": {"x": ERROR}},
        "retest": {},
        "residuals": {"retest_weeks": 0},
    }
    rows = []
    for source, settings in sources.items():
        shares = {"unchanged": [], "1 per year": []}
        for seed in range(cohorts):
            for name, change in (("unchanged", 0.0), ("1 per year", 1.0)):
                table = simulated(100, 3, 0, 0, seed, change=change, of_cases=0.0, retests=40)
                frame = change_per_year(table, ["x"], times=scan_times(table), **settings).frame
                assert set(frame["error_source"]) == {source}
                shares[name].append((frame["reliable_change"] != "none").mean())
        rows.append({"error": source, **{name: np.mean(values) for name, values in shares.items()}})
    return pd.DataFrame(rows).set_index("error").round(4)


def against_statsmodels():
    rows = []
    for people in (60, 500, 3000):
        table = simulated(people, 4, 0.3, 0.0, people)
        years = scan_times(table).years
        who = np.unique(table["participant_id"], return_inverse=True)[1]
        fixed = np.column_stack([np.ones(len(years)), years, table["age"] - 65])
        start = time.perf_counter()
        own = reml_fit(table["x"].to_numpy(), fixed, who, years)
        middle = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = MixedLM(table["x"].to_numpy(), fixed, who, fixed[:, :2])
            other = model.fit(reml=True)
        rows.append(
            {
                "people": people,
                "s": middle - start,
                "s, statsmodels": time.perf_counter() - middle,
                "converged": own.converged,
                "converged, statsmodels": other.converged,
                "change": own.estimates[1],
                "change, statsmodels": other.fe_params[1],
                "error": own.standard_errors[1],
                "error, statsmodels": other.bse_fe[1],
            }
        )
    return pd.DataFrame(rows).set_index("people").round(4)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cohorts", type=int, default=300)
    options = parser.parse_args()
    with one_thread():
        print(coverage(options.cohorts).to_string())
        print(false_positives(options.cohorts).to_string())
        print(against_statsmodels().to_string())


if __name__ == "__main__":
    main()
