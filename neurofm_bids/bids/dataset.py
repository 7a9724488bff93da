"""The files of a derivative dataset as a whole: description, README, .bidsignore, descriptions."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.bids.description import linked_datasets, read_description
from neurofm_bids.bids.names import DATASET_OUTPUTS, descriptions, ignored
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.named_path import NamedPath
from neurofm_bids.storage.atomic import remove_leftovers, write_json, write_text
from neurofm_bids.storage.text import read_json

__all__ = ["BIDS_VERSION", "ModelText", "check_output", "is_output", "write_dataset"]


class ModelText(Protocol):
    """The model as described in the dataset-level files."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def license(self) -> str: ...  # noqa: D102
    @property
    def notice(self) -> str: ...  # noqa: D102


BIDS_VERSION = "1.10.0"
_PROGRAM = "NeuroFM-BIDS"

_README = """# NeuroFM-BIDS derivatives

Written by NeuroFM-BIDS {version} with the model `{model}`.

{notice}

Each participant has a report, `sub-<label>.html`. The features, predictions, image quality metrics and
provenance of each scan are in `sub-<label>/[ses-<label>/]anat/`. The group level adds `group_*` tables, a
report and `phenotype/neurofm.tsv`. `logs/` holds the settings, log and failed scans of each
participant-level run that had something to do.
"""


def check_output(out_dir: Path) -> None:
    """Refuse an output folder that holds a dataset of another program.

    Raises
    ------
    NeuroFMError
        The folder has a dataset_description.json that this program did not write, or cannot be made.
    """
    description = out_dir / DATASET_OUTPUTS["description"]
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out_dir).close()
        names = _generators(description) if description.exists() else [_PROGRAM]
    except OSError as error:
        raise NeuroFMError(
            f"the output folder cannot be used ({error.strerror})",
            where=out_dir,
            fix="Check its permissions, or choose another folder.",
            code=Exit.CANT_CREATE,
        ) from error
    if _PROGRAM not in names:
        raise NeuroFMError(
            "the output folder holds another dataset",
            where=out_dir,
            fix="Choose a new or empty folder.",
            code=Exit.CANT_CREATE,
        )


def is_output(folder: Path) -> bool:
    """Tell whether this program made a folder the root of its outputs."""
    try:
        return _PROGRAM in _generators(folder / DATASET_OUTPUTS["description"])
    except OSError:
        return False


def _generators(path: Path) -> list[str]:
    try:
        description = read_json(path)
        return [str(entry.get("Name")) for entry in description.get("GeneratedBy", [])]
    except (ValueError, AttributeError, TypeError):
        return []


def write_dataset(
    out: Derivatives,
    bids_dir: Path,
    *,
    version: str,
    model: ModelText,
    labels: Mapping[int, str],
    others: Sequence[Path] = (),
    derivatives: Sequence[NamedPath] = (),
) -> None:
    """Write the dataset-level files; equal files are left alone.

    Parameters
    ----------
    out
        Names of the outputs.
    bids_dir
        Root of the source dataset.
    version
        Version of this program.
    model
        Name, license and notice of the model.
    labels
        Names of the codes of segmentations.
    others
        Roots of further source datasets.
    derivatives
        Of other programs, whose names are in BIDS URIs of the outputs.
    """
    root, names = out.out_dir, DATASET_OUTPUTS
    remove_leftovers(root / name for name in names.values())
    description = _description(root, (bids_dir, *others), version, model)
    links = {given.name: os.path.relpath(given.path, root) for given in derivatives}
    description["DatasetLinks"] = {
        **linked_datasets(root),  # outputs of earlier runs may have their names in URIs
        **description["DatasetLinks"],
        **links,
    }
    write_json(root / names["description"], description)
    write_text(root / names["bidsignore"], "\n".join(ignored()) + "\n")
    text = _README.format(version=version, model=model.name, notice=model.notice)
    write_text(root / names["readme"], text)
    rows = descriptions(out.label, out.template, model.name)
    table = "".join(f"{desc}\t{text}\n" for desc, text in rows.items())
    write_text(root / names["descriptions"], "desc_id\tdescription\n" + table)
    columns = {
        "desc_id": {"Description": "The desc- entity of a file name"},
        "description": {"Description": "Meaning of the entity"},
    }
    write_json((root / names["descriptions"]).with_suffix(".json"), columns)
    rows_of_labels = "".join(f"{code}\t{name}\n" for code, name in labels.items())
    write_text(root / names["segmentation_labels"], "index\tname\n" + rows_of_labels)


def _description(out_dir: Path, bids_dirs: Sequence[Path], version: str, model: ModelText) -> dict[str, Any]:
    """Return the description; it has the license of the source datasets if that is the same for all."""
    raw = [read_description(path) for path in bids_dirs]
    generated: dict[str, Any] = {
        "Name": _PROGRAM,
        "Version": version,
        "Description": f"Features and predictions of {model.name} ({model.license})",
    }
    container = _container()
    if container:
        generated["Container"] = container
    description: dict[str, Any] = {
        "Name": "NeuroFM-BIDS derivatives",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [generated],
        "HowToAcknowledge": f"See {DATASET_OUTPUTS['citation']}.",
        "DatasetLinks": {"raw": os.path.relpath(bids_dirs[0], out_dir)},
    }
    licenses = {str(one.get("License")) for one in raw}
    if isinstance(raw[0].get("License"), str) and len(licenses) == 1:
        description["License"] = raw[0]["License"]
    if dois := [{"DOI": one["DatasetDOI"]} for one in raw if isinstance(one.get("DatasetDOI"), str)]:
        description["SourceDatasets"] = dois
    return description


def _container() -> dict[str, str]:
    if "NEUROFM_DOCKER_TAG" in os.environ:
        return {"Type": "docker", "Tag": os.environ["NEUROFM_DOCKER_TAG"]}
    for name in ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER"):
        if name in os.environ:
            return {"Type": "singularity", "URI": Path(os.environ[name]).name}
    return {}
