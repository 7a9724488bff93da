"""Records of people whose volumes are known, for tests of centiles."""

from dataclasses import replace

import numpy as np

from neurofm_bids.anatomy.morphometry import MEASURED
from neurofm_bids.anatomy.regions import REGIONS
from neurofm_bids.anatomy.weights import bundled_sha256
from neurofm_bids.model.registry import model_spec
from neurofm_bids.norms.head_size import CRANIUM_PER_ETIV
from neurofm_bids.norms.published import ETIV_ML, read_norms
from neurofm_bids.records.anatomy import Anatomy, Volume
from neurofm_bids.records.centile import Observation
from neurofm_bids.records.judgement import judge
from tests.samples import prediction, scan_record


def volumes_of(age=50.0, sex="F", etiv=None, residuals=0.0, csf=2e5):
    """Return the volumes in mm3 of a person of the norms, by name, with the cavity of the head size."""
    etiv = ETIV_ML[sex] if etiv is None else etiv
    regions = np.append(read_norms().volumes_mm3(age, sex, etiv, residuals), csf)
    volumes = {name: float(regions[list(members)].sum()) for name, members in MEASURED.items()}
    return {**volumes, "intracranial": etiv * CRANIUM_PER_ETIV * 1000}


def record_of(volumes, *, interval=0.0, stripped=False, weights=None, **changes):
    """Return the record of a scan with these volumes, of bundled weights, and their relative interval."""
    measured = {
        name: Volume(mm3, (mm3 * (1 - interval), mm3 * (1 + interval)) if interval else None, 0.9)
        for name, mm3 in volumes.items()
    }
    made = scan_record()
    model = replace(made.provenance.model, weights_sha256=model_spec("open-s").sha256)
    extraction = replace(made.measurements.brain_extraction, method="none" if stripped else "deepbet")
    wide = (0.0, 1e9)
    whole = {
        "anatomy": Anatomy(measured, 2, weights or bundled_sha256()),
        "provenance": replace(made.provenance, model=model),
        "measurements": replace(made.measurements, brain_extraction=extraction),
        "quality": judge(changes.get("flags", ())),
        "predictions": {
            "brain_volume": prediction(volumes["brain"], "mm^3", range=wide, interval95=None),
            "ventricular_volume": prediction(volumes["lateral_ventricles"], "mm^3", range=wide),
        },
    }
    return replace(made, **{**whole, **changes})


def typical(seed, count=1):
    """Return so many people of the norms, of random age, sex, head size and residuals."""
    rng, people = np.random.default_rng(seed), []
    root = read_norms().root
    for _ in range(count):
        age, sex = float(rng.uniform(20, 90)), str(rng.choice(["F", "M"]))
        etiv = float(rng.normal(ETIV_ML[sex], 100))
        residuals = root @ rng.normal(size=len(REGIONS))
        people.append((age, sex, etiv, volumes_of(age, sex, etiv, residuals, csf=rng.uniform(1.5e5, 3e5))))
    return people


BRAIN = {"intercept": 1e6, "year": -3000.0, "square": -40.0, "male": 20000.0, "head": 600.0, "sd": 30000.0}


def simulated(seed, count, ages=(20.0, 80.0)):
    """Return observations of people whose brains and ventricles follow known equations."""
    rng, people = np.random.default_rng(seed), []
    for _ in range(count):
        age, sex = float(rng.uniform(*ages)), str(rng.choice(["F", "M"]))
        male = sex == "M"
        head, years = float(rng.normal(1320 + 160 * male, 100)), age - 50
        brain = BRAIN["intercept"] + BRAIN["year"] * years + BRAIN["square"] * years**2
        brain += BRAIN["male"] * male + BRAIN["head"] * (head - 1400) + rng.normal(0, BRAIN["sd"])
        ventricles = np.exp(9.7 + 0.02 * years + 0.001 * (head - 1400) + rng.normal(0, 0.35))
        volumes = {"brain": float(brain), "lateral_ventricles": float(ventricles)}
        people.append(Observation(age, sex, head, volumes))
    return people
