"""Records as the pipeline makes them, and files of scans, for tests of what is done with them."""

import json
from dataclasses import replace

import numpy as np

from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.bids.output import ANATOMY
from neurofm_bids.group.source import Source
from neurofm_bids.pipeline.write import features_table
from neurofm_bids.records.judgement import judge
from neurofm_bids.records.measurement import (
    BiasCorrection,
    BrainExtraction,
    Measurements,
    ModelGrid,
    Registration,
    Standardisation,
)
from neurofm_bids.records.prediction import Prediction
from neurofm_bids.records.scan import Identity, Input, Model, Provenance, ScanRecord

IDENTITY = tuple(tuple(float(i == j) for i in range(4)) for j in range(4))
MEASUREMENTS = Measurements(
    BrainExtraction("deepbet", "1.0.2", 1450123.0, 0.01),
    BiasCorrection("n4", 0.12),
    Registration(IDENTITY, IDENTITY, 0.95, 0.6, 3.0, 1.1),
    ModelGrid("rigid", "cubic", (1.0, 1.0, 1.0), 0.0, IDENTITY),
    Standardisation(12.3, 45.6),
)
AGE = Prediction(34.5, 0.2, (34.1, 34.9), "year", (18.0, 95.0), True, "Predicted age", "Age of the brain")

# Settings of a record, for what the reports say of them.
PARAMETERS = {
    "skull_strip": "auto",
    "bias_correction": "n4",
    "encode_space": "rigid",
    "template": "T",
    "views": 8,
    "precision": "float32",
    "no_anatomy": False,
    "anatomy_phases": 2,
}


def scan_record(subject="01", session=None, **changes):
    """Return the record of one scan; ``changes`` replace its fields."""
    stem = f"sub-{subject}" + (f"_ses-{session}" if session else "")
    folder = f"sub-{subject}/" + (f"ses-{session}/" if session else "")
    provenance = Provenance(
        version="0.1.0",
        pipeline_version=1,
        model=Model("open-s", "openS", "ab" * 32, "Apache-2.0", "For research only."),
        input=Input("cd" * 32, 1000, 1),
        parameters={"views": 8},
        parameters_hash="ef" * 32,
        software={"torch": "2.13.0"},
    )
    made = ScanRecord(
        scan=Identity(f"bids:raw:{folder}anat/{stem}_T1w.nii.gz", stem, subject, session, {"sub": subject}),
        acquisition={"MagneticFieldStrength": 3},
        measurements=MEASUREMENTS,
        image_quality={"snr_brain": 19.6, "contrast": None},
        views=8,
        predictions={"age": AGE},
        flags=(),
        quality=judge(changes.get("flags", ())),
        provenance=provenance,
    )
    return replace(made, **changes)


def prediction(value, units="year", **changes):
    """Return a prediction with an interval of one around its value."""
    made = Prediction(value, 0.5, (value - 1, value + 1), units, (0.0, 100.0), True, "P", "D")
    return replace(made, **changes)


def one_folder(out, covariates):
    """Return one output folder of the model openS and its dataset, as the group level takes them."""
    return {"": Source(Derivatives(out, "openS"), covariates)}


def write_scan(out, stem, *, seed=0, **changes):
    """Write the files of one scan, of which the group level reads three, and return its folder."""
    labels = dict(part.split("-", 1) for part in stem.split("_"))
    record = scan_record(labels["sub"], labels.get("ses"))
    folder = record.scan.uri.rsplit("/", 1)[0]
    record = replace(
        record,
        scan=replace(record.scan, stem=stem, uri=f"{folder}/{stem}_T1w.nii.gz", entities=labels),
        predictions={
            "age": prediction(40.0 + seed),
            "sex": prediction(0.4, "1", of_class="male"),
            "ventricular_volume": prediction(15000.0 + seed, "mm^3"),
            "brain_volume": prediction(1.2e6, "mm^3"),
        },
        image_quality={"snr_brain": 12.0 + seed, "contrast": 1.3, "voxel_mm3": 1.0},
    )
    record = replace(record, quality=judge(changes.get("flags", ())))
    record = replace(record, **changes)
    names = Derivatives(out, record.provenance.model.label)
    names.folder(record.scan).mkdir(parents=True, exist_ok=True)
    for path in names.required(record.scan, {ANATOMY} if record.anatomy else ()):
        path.write_text("not read here")
    features = np.random.default_rng(seed).normal(size=12).astype(np.float32)
    values = record.to_dict()
    names.path(record.scan, "features").write_text(features_table(features))
    names.path(record.scan, "predictions").write_text(json.dumps(values))
    names.path(record.scan, "sidecar").write_text(json.dumps({"NeuroFM": values["Provenance"]}))
    return names.folder(record.scan)
