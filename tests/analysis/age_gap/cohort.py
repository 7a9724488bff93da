"""Cohorts whose predicted ages regress to the mean, with planted effects on the gap."""

import numpy as np
import pandas as pd

from neurofm_bids.analysis.scans import Scans

SLOPE, CENTRE, SD = 0.6, 50.0, 4.0
PER_POINT, OF_PATIENTS, OF_BLUR = -0.5, 3.0, 2.0


def cohort(people=400, scans=1, seed=0):
    """Return a table of scans: predicted age = CENTRE + SLOPE (age - CENTRE) + planted effects + noise."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), scans)
    age = rng.uniform(20, 85, people)[person] + np.tile(np.arange(scans), people)
    moca = np.clip(27 - 0.05 * (age - 50) + rng.normal(0, 2, people)[person], 10, 30)
    patient = (rng.random(people) < 0.3)[person]
    blur = rng.normal(3, 0.5, len(person))
    sex = np.where(rng.random(people) < 0.5, "F", "M")[person]
    effect = PER_POINT * (moca - 27) + OF_PATIENTS * patient + OF_BLUR * (blur - 3)
    noise = rng.normal(0, SD, people)[person] + rng.normal(0, 1, len(person))
    return pd.DataFrame(
        {
            "participant_id": [f"sub-{one:03d}" for one in person],
            "session_id": [f"ses-{place % scans + 1}" for place in range(len(person))],
            "scan": [f"scan{place}" for place in range(len(person))],
            "age": age,
            "sex": sex,
            "predicted_age_years": CENTRE + SLOPE * (age - CENTRE) + effect + noise,
            "fwhm_mean_mm": blur,
            "moca": [f"{value:.2f}" for value in moca],
            "group": np.where(patient, "patient", "control"),
        }
    )


def as_scans(table, covariates=("moca", "group"), metrics=("fwhm_mean_mm",)):
    """Return a table as the group level hands it to analyses."""
    return Scans(
        table,
        np.zeros((len(table), 2), np.float32),
        np.isfinite(table["predicted_age_years"].to_numpy()),
        {"predicted_age_years": "year"},
        metrics,
        covariates,
    )
