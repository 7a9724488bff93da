"""Synthetic volumes as files: a BIDS dataset of stripped T1w at 1 mm, for eyes and for others' training."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from neurofm_bids import __version__
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.device import choose_device
from neurofm_bids.preprocess.model_grid import GRID_AFFINE
from neurofm_bids.pretrain.anatomy import find_maps, load_anatomies
from neurofm_bids.pretrain.shape import CUBE_MM
from neurofm_bids.pretrain.synthesis import GENERATOR, Picture, picture
from neurofm_bids.storage.atomic import write_json, write_nifti, write_text

__all__ = ["write_volumes"]

_COLUMNS = {
    "age": {"Description": "Drawn age; n/a where the body was drawn without regard to age", "Units": "year"},
    "sex": {"Description": "Drawn sex", "Levels": {"M": "male", "F": "female"}},
    "brain_volume_mm3": {
        "Description": "Brain tissue without ventricles, measured on the deformed label map",
        "Units": "mm^3",
    },
    "ventricular_volume_mm3": {
        "Description": "Lateral ventricles with inferior horns and choroid plexus, measured likewise",
        "Units": "mm^3",
    },
    "stripping": {"Description": "Style in which the brain was cut out"},
    "label_map": {"Description": "Label map that was deformed"},
}


def write_volumes(
    maps: Path, count: int, out: Path, *, cache: Path, seed: int = 0, device: str = "cpu"
) -> None:
    """Write synthetic people as a BIDS dataset of stripped T1w on the model grid, 1 mm.

    Parameters
    ----------
    maps
        Folder with label maps.
    count
        Number of people.
    out
        Folder of the dataset: new, empty, or of the same maps and seed and no more people.
    cache
        Folder of prepared maps.
    seed
        Of the draws.
    device
        ``cpu``, ``cuda`` or ``cuda:N``.

    Raises
    ------
    NeuroFMError
        The folder holds something else, or the maps cannot be used.
    """
    on = choose_device(device)
    made_of = hashlib.sha256("".join(digest for _, digest in find_maps(maps)).encode()).hexdigest()[:12]
    description = f"seed {seed}, label maps {made_of}, generator {GENERATOR}"
    about = {
        "Name": "Synthetic T1-weighted brains",
        "BIDSVersion": "1.10.0",
        "DatasetType": "raw",
        "GeneratedBy": [{"Name": "NeuroFM-BIDS", "Version": __version__, "Description": description}],
    }
    _claim(out, about, count)
    readme = (
        "Synthetic, skull-stripped brains made from label maps: no image of a person is in them.\n"
        "The licence of the label maps applies to what is made from them.\n"
    )
    write_text(out / "README", readme)
    write_json(out / "participants.json", _COLUMNS)
    anatomies = load_anatomies(maps, cache)
    rows = ["\t".join(["participant_id", *_COLUMNS])]
    for index in range(count):
        name = f"sub-{index + 1:06d}"
        drawn = picture(anatomies, seed, index, step_mm=1, device=on)
        _write_image(out / name / "anat" / f"{name}_T1w.nii.gz", drawn)
        rows.append("\t".join([name, *_row(drawn)]))
        write_text(out / "participants.tsv", "\n".join(rows) + "\n")


def _claim(out: Path, about: dict[str, Any], count: int) -> None:
    """Take a folder for the dataset, unless it holds anything else or more people."""
    path = out / "dataset_description.json"
    try:
        known = json.loads(path.read_text(encoding="utf-8")) == about if path.is_file() else False
        strange = out.exists() and any(out.iterdir()) and not known
    except (OSError, ValueError):
        strange = True
    if strange:
        raise NeuroFMError(
            "the folder holds something else", where=out, fix="Give a new one.", code=Exit.CANT_CREATE
        )
    there = len(list(out.glob("sub-*")))
    if there > count:
        raise NeuroFMError(
            f"the folder holds {there} people already",
            where=out,
            fix=f"Give --n {there} or more, or a new folder.",
            code=Exit.CANT_CREATE,
        )
    write_json(path, about)


def _write_image(path: Path, drawn: Picture) -> None:
    """Write the picture on the model grid, white matter near 1000, int16."""
    cube = np.zeros((CUBE_MM,) * 3, dtype=np.int16)
    place = tuple(slice(s, s + n) for s, n in zip(drawn.shape.start, drawn.shape.size, strict=True))
    cube[place] = np.clip(drawn.image.cpu().numpy() * 1000, 0, 32767).astype(np.int16)
    image = nib.Nifti1Image(cube, GRID_AFFINE)
    image.header.set_xyzt_units("mm", "sec")
    write_nifti(path, image)
    write_json(path.with_name(f"{path.name.removesuffix('.nii.gz')}.json"), {"SkullStripped": True})


def _row(drawn: Picture) -> list[str]:
    person, shape = drawn.person, drawn.shape
    return [
        "n/a" if person.age_years is None else f"{person.age_years:.2f}",
        person.sex or "n/a",
        f"{1000 * shape.volume_ml(shape.brain):.0f}",
        f"{1000 * shape.volume_ml(shape.ventricles):.0f}",
        drawn.style,
        drawn.anatomy,
    ]
