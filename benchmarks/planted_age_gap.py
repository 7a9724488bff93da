"""Planted age gaps: whether the corrected gap depends on age, and planted effects are recovered.

    python benchmarks/planted_age_gap.py [--cohorts 300] [--controls 150] [--patients 75]

Predicted age = 50 + 0.6 (age - 50) + effects + noise (sd 4 years), so that the gap regresses to the mean. The
gap of patients, who are 10 years older than controls, is 3 years larger; it falls by 0.5 years per point of a
score, and rises by 2 years per mm of smoothness, which also lowers the score. Prints, over cohorts, the
correlation of the gap with age in held-out controls and in patients, the difference between patients and
controls, and how often 95 % intervals of associations hold the planted effects and the absent one, with one
and with three scans of each person.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from neurofm_bids.analysis.age_gap.associations import associations
from neurofm_bids.analysis.age_gap.correction import corrected_gaps

SLOPE, SD, OF_PATIENTS, PER_POINT, PER_MM = 0.6, 4.0, 3.0, -0.5, 2.0
RAW, CORRECTED = "age_gap_years", "age_gap_corrected_years"
ADJUST = ("age", "sex", "fwhm")


def simulated(options, scans, seed):
    rng = np.random.default_rng(seed)
    patient = np.arange(options.controls + options.patients) >= options.controls
    age = rng.uniform(20, 75, len(patient)) + 10 * patient
    person = np.repeat(np.arange(len(patient)), scans)
    fwhm = rng.normal(3, 0.5, len(person))
    of_person = rng.normal(0, 2, len(patient)) - 0.05 * (age - 50)
    score = 27 + of_person[person] - 1.0 * (fwhm - 3)
    ages = age[person] + np.tile(np.arange(scans), len(patient))
    effect = OF_PATIENTS * patient[person] + PER_POINT * (score - 27) + PER_MM * (fwhm - 3)
    noise = rng.normal(0, SD, len(patient))[person] + rng.normal(0, 1, len(person)) * (scans > 1)
    return pd.DataFrame(
        {
            "participant_id": [f"sub-{one:04d}" for one in person],
            "age": ages,
            "predicted": 50 + SLOPE * (ages - 50) + effect + noise,
            "sex": np.where(rng.random(len(patient)) < 0.5, "F", "M")[person],
            "fwhm": fwhm,
            "score": score,
            "patient": np.where(patient, "yes", "no")[person],
            "nothing": rng.normal(size=len(patient))[person],
        }
    )


def with_gaps(table):
    controls = set(table.loc[table["patient"] == "no", "participant_id"])
    return table.join(corrected_gaps(table, "age", "predicted", controls))


def of_correction(table):
    """Return correlations with age, and the difference between groups, by name."""
    patients = table["patient"] == "yes"
    rows = {"held-out controls": ~patients, "patients": patients}
    values = {
        f"r of {gap} and age, {who}": np.corrcoef(table.loc[own, gap], table.loc[own, "age"])[0, 1]
        for gap in (RAW, CORRECTED)
        for who, own in rows.items()
    }
    for gap in (RAW, CORRECTED):
        name = f"patients minus controls, {gap} (planted {OF_PATIENTS:g})"
        values[name] = table.loc[patients, gap].mean() - table.loc[~patients, gap].mean()
    return values


def of_associations(table, scans):
    """Return whether intervals hold the truth, and whether an absent effect is significant, by name."""
    columns = ["score", "patient", "nothing"]
    frame = associations(table, CORRECTED, columns, (*ADJUST, "score", "patient")).frame.set_index("column")
    truth = {"score": PER_POINT, "patient": OF_PATIENTS, "nothing": 0.0}
    names = {
        name: f"95 % interval of {name} holds {effect:g}, {scans} scans" for name, effect in truth.items()
    }
    return {
        names[name]: float(frame["lower95"][name] < effect < frame["upper95"][name])
        for name, effect in truth.items()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cohorts", type=int, default=300)
    parser.add_argument("--controls", type=int, default=150)
    parser.add_argument("--patients", type=int, default=75)
    options = parser.parse_args()
    corrections, intervals = [], []
    for seed in range(options.cohorts):
        one, three = (with_gaps(simulated(options, scans, seed)) for scans in (1, 3))
        corrections.append(of_correction(one))
        intervals.append(of_associations(one, 1) | of_associations(three, 3))
    made = pd.DataFrame(corrections)
    print(made.describe(percentiles=[0.025, 0.975]).T[["mean", "2.5%", "97.5%"]].round(3).to_string())
    print(pd.DataFrame(intervals).mean().round(3).to_string())


if __name__ == "__main__":
    main()
