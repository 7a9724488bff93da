"""Simulated people who change over their sessions."""

import numpy as np
import pandas as pd

from neurofm_bids.analysis.scans import Scans

CHANGE, SD_CHANGE, SD_PEOPLE, ERROR, OF_CASES = -0.5, 0.3, 3.0, 0.8, -0.4


def people(count=60, scans=3, seed=0, *, gap=1.0, change=CHANGE, sd_change=SD_CHANGE, error=ERROR):
    """Return a table: ``x`` = level + 0.05 age + (change + own change) years + error; cases change more."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(count), scans)
    years = np.concatenate([[0, *np.cumsum(gap * rng.uniform(0.7, 1.3, scans - 1))] for _ in range(count)])
    age = rng.uniform(50, 80, count)
    case = rng.permutation(count) < 0.4 * count
    own = change + OF_CASES * case + rng.normal(0, sd_change, count)
    level = 100 + 0.05 * age + rng.normal(0, SD_PEOPLE, count)
    dates = pd.Timestamp("2012-05-01") + pd.to_timedelta((years * 365.25).round(2), unit="D")
    return pd.DataFrame(
        {
            "participant_id": [f"sub-{one:03d}" for one in person],
            "session_id": [f"ses-{place % scans + 1}" for place in range(len(person))],
            "scan": [f"scan{place}" for place in range(len(person))],
            "age": (age[person] + years).round(2),
            "acq_time": [f"{date:%Y-%m-%dT%H:%M:%S}" for date in dates],
            "sex": np.where(rng.random(count) < 0.5, "F", "M")[person],
            "group": np.where(case, "case", "control")[person],
            "predicted_x": level[person] + own[person] * years + rng.normal(0, error, len(person)),
        }
    )


def as_scans(table, covariates=("acq_time", "group")):
    """Return a table as the group level hands it to analyses."""
    included = np.isfinite(table["predicted_x"].to_numpy())
    features = np.zeros((len(table), 2), np.float32)
    return Scans(table, features, included, {"predicted_x": "mm^3"}, (), covariates)
