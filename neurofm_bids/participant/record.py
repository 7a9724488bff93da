"""What is written about one scan: the predictions record and the provenance sidecar."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurofm_bids import __version__
from neurofm_bids.bids.covariates import Participant
from neurofm_bids.bids.discovery import Scan
from neurofm_bids.bids.names import Derivatives
from neurofm_bids.config import Config
from neurofm_bids.model.weights import file_sha256

if TYPE_CHECKING:
    from neurofm_bids.model.encoder import Encoding
    from neurofm_bids.model.registry import ModelSpec

__all__ = [
    "features_table",
    "image_identity",
    "is_up_to_date",
    "predictions_record",
    "sidecar_record",
    "software",
    "why_to_do",
    "with_participant",
]

_PACKAGES = (
    "antspyx",
    "deepbet",
    "nibabel",
    "nipype",
    "numpy",
    "pybids",
    "scipy",
    "torch",
)

_ACQUISITION = (
    "Manufacturer",
    "ManufacturersModelName",
    "MagneticFieldStrength",
    "PulseSequenceType",
    "RepetitionTime",
    "EchoTime",
    "InversionTime",
    "FlipAngle",
)


def software() -> dict[str, str]:
    """Return the versions of the packages that shape the results."""
    found = {"neurofm-bids": __version__}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def features_table(features: NDArray[np.float32]) -> str:
    """Return the one-row table of features, ``f000`` onwards, eight significant digits."""
    names = "\t".join(f"f{i:03d}" for i in range(len(features)))
    return names + "\n" + "\t".join(f"{value:.8g}" for value in features) + "\n"


def predictions_record(
    scan: Scan,
    spec: ModelSpec,
    weights_sha256: str,
    encoding: Encoding,
    participant: Participant | None,
    measures: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the predictions record of one scan (see docs/outputs.md for its keys)."""
    predictions = {name: p.to_dict() for name, p in encoding.predictions.items()}
    flags = [
        {"Name": f["name"], "Message": f["message"], "Severity": f["severity"]} for f in measures["flags"]
    ]
    flags += [_range_flag(name, p) for name, p in predictions.items() if not p["InRange"]]
    record = {
        "Scan": scan.uri,
        "Subject": scan.subject,
        "Session": scan.session,
        "Entities": dict(scan.entities),
        "Model": {
            "Name": spec.name,
            "Label": spec.label,
            "WeightsSHA256": weights_sha256,
            "License": spec.licence,
            "Notice": spec.notice,
        },
        "Views": encoding.views,
        "Predictions": predictions,
        "Measured": {"mask_volume_mm3": measures["brain"]["volume_mm3"]},
        "Quality": measures["quality"],
        "Flags": flags,
    }
    return with_participant(_rounded(record), participant)


def _range_flag(name: str, prediction: Mapping[str, Any]) -> dict[str, str]:
    low, high = prediction["Range"]
    message = f"{prediction['LongName']} lies outside {low:g} to {high:g} {prediction['Units']}"
    return {"Name": f"{name}_out_of_range", "Message": message, "Severity": "warning"}


def with_participant(record: Mapping[str, Any], participant: Participant | None) -> dict[str, Any]:
    """Return the record with the participant's age, sex and age gap as they are known now."""
    known = participant or Participant(age_years=None, age_text=None, sex=None)
    age = {k: v for k, v in record["Predictions"]["age"].items() if k not in {"Chronological", "Gap"}}
    if known.age_years is not None:
        age |= {"Chronological": known.age_years, "Gap": _rounded(age["Value"] - known.age_years)}
    return {
        **record,
        "Participant": {"age_years": known.age_years, "sex": known.sex},
        "Predictions": {**record["Predictions"], "age": age},
    }


def image_identity(path: Path) -> dict[str, Any]:
    """Return what tells one image file from another: SHA-256, size in bytes, time of change in ns."""
    status = path.stat()
    return {
        "InputHash": file_sha256(path),
        "InputSize": status.st_size,
        "InputModified": status.st_mtime_ns,
    }


def sidecar_record(
    scan: Scan,
    out: Derivatives,
    config: Config,
    spec: ModelSpec,
    weights_sha256: str,
    measures: Mapping[str, Any],
    image: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the provenance of one scan's features; ``image`` is :func:`image_identity` when it was read."""
    mask = out.mask(scan).relative_to(out.out_dir).as_posix()
    return {
        "Description": f"NeuroFM features ({spec.name}): the latent vector, mean over the views",
        "RawSources": [scan.uri],
        "Sources": [scan.uri, f"bids::{mask}"],
        "NeuroFM": {
            "Version": __version__,
            "Model": spec.name,
            "License": spec.licence,
            "Notice": spec.notice,
            "WeightsSHA256": weights_sha256,
            **image,
            "ParametersHash": config.processing.parameters_hash,
            "Parameters": config.processing.parameters,
            "Software": software(),
        },
        "Acquisition": {key: scan.metadata[key] for key in _ACQUISITION if key in scan.metadata},
        "Measured": _rounded({k: v for k, v in measures.items() if k not in {"quality", "flags"}}),
    }


def is_up_to_date(scan: Scan, out: Derivatives, config: Config, weights_sha256: str) -> bool:
    """Tell whether a scan's outputs were made by this version from this input with these settings."""
    return not why_to_do(scan, out, config, weights_sha256)


def why_to_do(scan: Scan, out: Derivatives, config: Config, weights_sha256: str) -> str:
    """Return why a scan has to be done, or nothing if its outputs are up to date.

    The input is hashed only if its size or time of change differ from those recorded.
    """
    if not out.sidecar(scan).is_file():
        return "not done yet"
    try:
        if not all(path.stat().st_size for path in _expected(scan, out, config)):
            return "an output is empty"
        json.loads(out.predictions(scan).read_text())
        made = json.loads(out.sidecar(scan).read_text())["NeuroFM"]
        return _difference(made, config, weights_sha256) or _change(made, scan)
    except FileNotFoundError:
        return "an output is missing"
    except (OSError, ValueError, KeyError, TypeError):
        return "its outputs cannot be read"


def _difference(made: Mapping[str, Any], config: Config, weights_sha256: str) -> str:
    """Return in what outputs differ from those that this run would make."""
    if made["Version"] != __version__:
        return f"made by version {made['Version']}, now {__version__}"
    if made["WeightsSHA256"] != weights_sha256:
        return "made with other weights"
    if made["ParametersHash"] != config.processing.parameters_hash:
        now, then = config.processing.parameters, made["Parameters"]
        changes = [f"{k}={then.get(k)}, now {now[k]}" for k in now if then.get(k) != now[k]]
        return f"made with {'; '.join(changes) or 'other settings'}"
    return ""


def _change(made: Mapping[str, Any], scan: Scan) -> str:
    status = scan.path.stat()
    same = made["InputSize"] == status.st_size and (
        made["InputModified"] == status.st_mtime_ns or made["InputHash"] == file_sha256(scan.path)
    )
    return "" if same else "the image has changed"


def _expected(scan: Scan, out: Derivatives, config: Config) -> list[Path]:
    paths = [out.features(scan), out.predictions(scan), out.mask(scan)]
    paths += [out.transform(scan, kind) for kind in ("rigid", "affine")]
    if config.outputs.output_images:
        paths += [out.preproc(scan), out.model_grid(scan)]
    return paths


def _rounded(value: Any) -> Any:
    """Round every float to seven significant digits; numbers that are not finite become null."""
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.7g}") if math.isfinite(value) else None
    return value
