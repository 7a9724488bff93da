"""The files of a derivative dataset as a whole: description, README, .bidsignore, descriptions."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.storage.atomic import write_json, write_text

__all__ = ["BIDS_VERSION", "DATASET_FILES", "check_output", "write_dataset"]

DATASET_FILES = (
    "dataset_description.json",
    ".bidsignore",
    "README.md",
    "descriptions.tsv",
    "descriptions.json",
)

BIDS_VERSION = "1.10.0"

# Names that BIDS has no rule for yet. `figures` without a slash: the validator does not honour `figures/`.
_IGNORED = (
    "*_xfm.*",
    "*_features.*",
    "*_predictions.*",
    "*_attribution.*",
    "*.html",
    "figures",
    "group_*",
)

_README = """# NeuroFM-BIDS derivatives

Written by NeuroFM-BIDS {version} with the model `{model}`.

{notice}

Each participant has a report, `sub-<label>.html`. Features, predictions, quality and provenance of each
scan lie in `sub-<label>/[ses-<label>/]anat/`. The group level adds `group_*` tables, a report and
`phenotype/neurofm.tsv`. What was run, when and what failed is in `logs/`.
"""


def check_output(out_dir: Path) -> None:
    """Refuse an output folder that holds somebody else's dataset.

    Raises
    ------
    NeuroFMError
        The folder has a dataset_description.json that this program did not write, or cannot be made.
    """
    description = out_dir / "dataset_description.json"
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        names = _generators(description) if description.exists() else ["NeuroFM-BIDS"]
    except OSError as error:
        raise NeuroFMError(
            f"the output folder cannot be used ({error.strerror})",
            where=out_dir,
            fix="Choose a folder you may write to.",
            code=Exit.CANT_CREATE,
        ) from error
    if not os.access(out_dir, os.W_OK | os.X_OK):
        raise NeuroFMError(
            "the output folder is read-only",
            where=out_dir,
            fix="Choose a folder you may write to.",
            code=Exit.CANT_CREATE,
        )
    if "NeuroFM-BIDS" not in names:
        raise NeuroFMError(
            "the output folder holds another dataset",
            where=out_dir,
            fix="Choose a new or empty folder.",
            code=Exit.CANT_CREATE,
        )


def _generators(path: Path) -> list[str]:
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
        return [str(entry.get("Name")) for entry in description.get("GeneratedBy", [])]
    except (ValueError, AttributeError, TypeError):
        return []


def write_dataset(
    out_dir: Path, bids_dir: Path, *, version: str, model: Mapping[str, str], template: str
) -> None:
    """Write the dataset-level files; equal files are left alone.

    Parameters
    ----------
    out_dir, bids_dir
        Roots of the derivative and of its source.
    version
        Version of this program.
    model
        ``name``, ``label``, ``licence`` and ``notice`` of the model.
    template
        Name of the template of the transforms.
    """
    write_json(out_dir / "dataset_description.json", _description(out_dir, bids_dir, version, model))
    write_text(out_dir / ".bidsignore", "\n".join(_IGNORED) + "\n")
    write_text(
        out_dir / "README.md", _README.format(version=version, model=model["name"], notice=model["notice"])
    )
    rows = {
        "brain": "Brain mask, or the brain alone as the network reads it",
        "preproc": "Bias-corrected T1w on its own grid",
        "rigid": f"Rotation and translation of the registration to {template}",
        model["label"]: f"NeuroFM features and predictions of the model {model['name']}",
    }
    table = "".join(f"desc-{name}\t{text}\n" for name, text in rows.items())
    write_text(out_dir / "descriptions.tsv", "desc_id\tdescription\n" + table)
    columns = {
        "desc_id": {"Description": "The desc- entity of a file name"},
        "description": {"Description": "What it stands for"},
    }
    write_json(out_dir / "descriptions.json", columns)


def _description(out_dir: Path, bids_dir: Path, version: str, model: Mapping[str, str]) -> dict[str, Any]:
    raw = _raw_description(bids_dir)
    generated: dict[str, Any] = {
        "Name": "NeuroFM-BIDS",
        "Version": version,
        "Description": f"Features and predictions of {model['name']} ({model['licence']})",
    }
    container = _container()
    if container:
        generated["Container"] = container
    description: dict[str, Any] = {
        "Name": "NeuroFM-BIDS derivatives",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [generated],
        "HowToAcknowledge": "See logs/CITATION.md.",
        "SourceDatasets": [_source(raw)],
        "DatasetLinks": {"raw": os.path.relpath(bids_dir, out_dir)},
    }
    if isinstance(raw.get("License"), str):
        description["License"] = raw["License"]
    return description


def _raw_description(bids_dir: Path) -> dict[str, Any]:
    try:
        raw = json.loads((bids_dir / "dataset_description.json").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return {}
    return raw if isinstance(raw, dict) else {}


def _source(raw: Mapping[str, Any]) -> dict[str, str]:
    source = {"Version": "unknown"}
    if isinstance(raw.get("DatasetDOI"), str):
        source["DOI"] = raw["DatasetDOI"]
    return source


def _container() -> dict[str, str]:
    if "NEUROFM_DOCKER_TAG" in os.environ:
        return {"Type": "docker", "Tag": os.environ["NEUROFM_DOCKER_TAG"]}
    for name in ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER"):
        if name in os.environ:
            return {"Type": "singularity", "URI": Path(os.environ[name]).name}
    return {}
