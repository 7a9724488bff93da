"""Tables of a simulated cohort of any size, by the names and columns that the group level writes."""

from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from neurofm_bids.records.cohort import Cohort, Missing
from neurofm_bids.records.dictionary import centile_columns, column, metric, volume_column
from neurofm_bids.report.numbers import ANATOMICAL_ORDER
from neurofm_bids.storage.text import read_json
from tests.samples import scan_record

DICTIONARY = Path(str(files("neurofm_bids"))) / "data" / "dictionary.json"
METRICS = tuple(read_json(DICTIONARY)["quality"])
WITHOUT_SIDES = {"intracranial", "brain", "csf", "brainstem", "corpus_callosum", "third_ventricle"}
REGIONS = [
    name if side is None else f"{side}_{name}"
    for name in ANATOMICAL_ORDER
    for side in ((None,) if name in WITHOUT_SIDES else ("left", "right"))
]
PREDICTED = {
    "predicted_age_years": ("Predicted age", "year"),
    "predicted_male_probability": ("Predicted probability of male", "1"),
    "predicted_ventricular_volume_mm3": ("Predicted lateral ventricular volume", "mm^3"),
    "predicted_brain_volume_mm3": ("Predicted brain volume", "mm^3"),
}
FLAGS = {"fail": "low_snr", "check": "neck"}


@dataclass(frozen=True)
class Table:
    frame: pd.DataFrame
    columns: dict
    about: dict = field(default_factory=lambda: {"Description": "A simulated table"})


def cohort_of(count, **changes):
    """Return what the report takes of a cohort but for its tables."""
    about = {
        "missing": (Missing("sub-x", "failed in load: <no> scan"),),
        "features": np.zeros((count, 4), np.float32),
        "made": scan_record().provenance,
        "weights_sha256": ("ab" * 32,),
    }
    return Cohort(**{"label": "openS", "members": (), **about, **changes})


@cache
def simulated(count, sessions=2):
    """Return the tables of so many scans, some of which fail, have findings or no age; always the same."""
    made = np.random.default_rng(count)
    people = np.arange(count) // sessions
    scans = identity(people, np.arange(count) % sessions)
    age = np.round(made.uniform(18, 88, people.max() + 1)[people] + np.arange(count) % sessions * 2.0, 1)
    age[made.random(count) < 0.02] = np.nan
    site = made.integers(0, 5, count)
    quality = np.select([made.random(count) < 0.01, made.random(count) < 0.05], ["fail", "check"], "ok")
    judged = {
        "mask_volume_mm3": made.normal(1.5e6, 1e5, count).round(),
        "n_flags": (quality != "ok").astype(int),
        "n_serious_flags": (quality == "fail").astype(int),
        "flags": [FLAGS.get(name) for name in quality],
        "quality": quality,
        "quality_reasons": [
            None if name == "ok" else f"{FLAGS[name]} is odd. Look at it." for name in quality
        ],
    }
    return {
        **per_scan(made, scans, judged, age, site),
        "statistics": statistics(),
        "review": review(made, scans, quality),
        "drift": drift(),
        "associations": long(column=["moca", "group"], n=count, estimate=[-0.21, 1.0], p=[0.03, 0.7]),
        "sites": sites(),
        "change": change(made, scans),
        "mixedmodel": long(measure=["brain_mm3"] * 2, term=["years", "age"], estimate=[-0.4, -0.1]),
        "clusterstability": long(method="kmeans", clusters=[2, 3], jaccard=[0.91, 0.62]),
        "clusterprofile": long(cluster=["a", "b"], measure="brain_mm3", difference=[0.8, -0.7]),
    }


def identity(people, session):
    names = [f"sub-{person:05d}" for person in people]
    visits = [f"ses-{number + 1}" for number in session]
    paths = [f"{a}/{b}/anat/{a}_{b}_T1w.nii.gz" for a, b in zip(names, visits, strict=True)]
    return {"participant_id": names, "session_id": visits, "scan": paths}


def per_scan(made, scans, judged, age, site):
    count = len(age)
    predicted = age + made.normal(0, 6, count)
    values = {"predicted_age_years": predicted, "predicted_male_probability": made.random(count)}
    values |= {name: made.normal(3e4, 8e3, count) for name in PREDICTED if name not in values}
    ranges = {f"{name}_in_range": made.random(count) > 0.03 for name in PREDICTED}
    limits = {
        f"{name}_{end}95": x + (1 if end == "upper" else -1)
        for name, x in values.items()
        for end in ("lower", "upper")
    }
    recorded = {"chronological_age_years": age, "age_gap_years": predicted - age}
    recorded |= {
        "chronological_age_remarks": None,
        "recorded_sex": np.where(made.random(count) > 0.5, "F", "M"),
    }
    metrics = {name: made.normal(10, 2, count) + site for name in METRICS if name not in judged}
    volumes = {volume_column(name): made.lognormal(9, 0.2, count) for name in REGIONS}
    centiles = {f"{name}_centile": made.uniform(0, 100, count) for name in REGIONS}
    components = {f"component_{i}": made.normal(0, 1, count) for i in (1, 2)}
    axes = {f"pc_{i}": made.normal(site if i == 1 else 0, 1, count) for i in (1, 2, 3)}
    clusters = {
        "kmeans": np.where(site > 2, "a", "b"),
        **{f"umap_{i}": made.normal(site, 1, count) for i in (1, 2)},
    }
    dataset = {
        "site": [f"site {number}" for number in site],
        "moca": made.integers(18, 31, count).astype(str),
    }
    dataset |= {"visit": np.arange(count) % 2 + 1}
    dataset |= {f"score_{i}": [f"{x:.2f}" for x in made.normal(50, 10, count)] for i in range(30)}
    tables = {
        "predictions": values | ranges | limits | recorded | judged,
        "quality": metrics | judged | {"group_check": None},
        "agegap": {"age_gap_corrected_years": predicted - age, "is_control": made.random(count) > 0.5},
        "outliers": {"outlier_distance": made.chisquare(4, count), "is_outlier": made.random(count) > 0.99},
        "morphometry": volumes,
        "centiles": centiles,
        "components": components,
        "clusters": axes | clusters,
        "harmonised": {"site": site.astype(str), "f000": 0.0, **{n: x + 1 for n, x in values.items()}},
        "covariates": dataset,
    }
    return {name: Table(pd.DataFrame({**scans, **own}), meanings(own)) for name, own in tables.items()}


def meanings(names):
    entries = {name: {"LongName": title, "Units": unit} for name, (title, unit) in PREDICTED.items()}
    entries |= {name: metric(name) for name in METRICS}
    recorded = ("chronological_age_years", "age_gap_years", "mask_volume_mm3", "quality", "flags")
    entries |= {name: column(name) for name in recorded}
    for region in REGIONS:
        title = region.replace("_", " ").capitalize()
        entries[volume_column(region)] = {"LongName": f"{title}, volume", "Units": "mm^3"}
        entries[f"{region}_centile"] = {**centile_columns()["centile"], "LongName": f"{title}, centile"}
    return {name: entries.get(name, {"LongName": name.replace("_", " ")}) for name in names}


def long(**columns):
    frame = pd.DataFrame(columns)
    return Table(frame, {name: {"LongName": name.replace("_", " ")} for name in frame})


def drift():
    return long(
        measure=["snr_brain", "noise"],
        by="site",
        group="A",
        value=[0.1, 0.2],
        p=[0.5, 0.0004],
        is_drift=[False, True],
    )


def sites():
    measures = ["f000", "f001", "all features", "brain_mm3", "all measures"]
    names = [*measures, *measures]
    whole = [name.startswith("all") for name in names]
    return long(
        measure=names,
        kind=["features", "features", "features", "measures", "measures"] * 2,
        stage=["before"] * 5 + ["after"] * 5,
        variance=[None if one else 0.31 for one in whole],
        balanced_accuracy=[0.7 if one else None for one in whole],
    )


def statistics():
    names = ("mean", "sd", "median", "minimum", "maximum", "n_outliers")
    rows = [
        (measure, name, value, "1", 40)
        for measure in (*PREDICTED, "mask_volume_mm3", *METRICS)
        for name, value in zip(names, (10.0, 2.0, 10.1, 3.0, 17.0, 1), strict=True)
    ]
    rows += [("age_agreement", "mae", 4.84, "year", 40), ("age_agreement", "bias", -0.31, "year", 40)]
    rows += [("age_agreement", "sd_of_gap", 6.0, "year", 40), ("age_agreement", "pearson_r", 0.957, "1", 40)]
    rows += [(f"component_{i}", "explained_variance", 0.5 / i, "1", 40) for i in (1, 2)]
    return Table(pd.DataFrame(rows, columns=["measure", "statistic", "value", "units", "n"]), {})


def review(made, scans, quality):
    places = np.flatnonzero(made.random(len(quality)) < 0.02)
    frame = pd.DataFrame(scans).iloc[places].reset_index(drop=True)
    kinds = np.array(["duplicate", "swap", "outlier"])[np.arange(places.size) % 3]
    frame = frame.assign(kind=kinds, other_scan=None, measure="brain_mm3", value=1.0, action="Look at it.")
    return Table(frame, {name: {"LongName": name.replace("_", " ")} for name in frame})


def change(made, scans):
    people = list(dict.fromkeys(scans["participant_id"]))
    frame = pd.DataFrame({"participant_id": people, "measure": "left_hippocampus_mm3", "n_scans": 2})
    return Table(frame.assign(change_per_year=made.normal(-30, 10, len(people)).round(3)), {})
