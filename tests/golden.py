"""The outputs of one small real scan, kept to notice when results change.

``python -m tests.golden IMAGE`` writes them anew, but only together with a raised pipeline version.
"""

import json
import sys
from pathlib import Path

import numpy as np

from neurofm_bids.pipeline.steps import PIPELINE_VERSION

PATH = Path(__file__).parent / "data" / "golden.json"
SCAN = "data/lowres_sub-001_T1w.nii.gz"  # under ../shared
BAR = {"rtol": 1e-4, "atol": 1e-4}  # processors differ in the last bits


def compute(image):
    """Return the outputs of the pipeline that must not change within a pipeline version."""
    from neurofm_bids import NeuroFM

    result = NeuroFM("open-s", device="cpu").predict(image)
    record = result.to_dict()
    return {
        "features": [float(f"{value:.8g}") for value in result.features],
        "predictions": {name: [p["Value"], p["SD"]] for name, p in record["Predictions"].items()},
        "image_quality": record["ImageQuality"],
        "volumes": {name: volume["Mm3"] for name, volume in record["Anatomy"]["Volumes"].items()},
    }


def differences(now, then):
    """Return the names of what differs."""
    changed = [] if np.allclose(now["features"], then["features"], **BAR) else ["features"]
    for part in ("predictions", "image_quality", "volumes"):
        names = now[part].keys() | then[part].keys()
        changed += [
            name
            for name in sorted(names)
            if name not in now[part]
            or name not in then[part]
            or not np.allclose(now[part][name], then[part][name], **BAR)
        ]
    return changed


def main(image):
    now, kept = compute(image), json.loads(PATH.read_text()) if PATH.exists() else {}
    changed = kept and differences(now, kept)
    if changed and kept["pipeline_version"] == PIPELINE_VERSION:
        sys.exit(
            f"{', '.join(changed)} changed: raise PIPELINE_VERSION in neurofm_bids/pipeline/steps.py first"
        )
    PATH.write_text(json.dumps({"pipeline_version": PIPELINE_VERSION, **now}, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
