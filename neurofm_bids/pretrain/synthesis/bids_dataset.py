"""Synthetic images as a BIDS dataset of skull-stripped T1w at 1 mm."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from neurofm_bids import __version__
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.geometry import GRID_AFFINE
from neurofm_bids.model.device import choose_device
from neurofm_bids.pretrain.anatomy.cache import label_map_digests, load_anatomies
from neurofm_bids.pretrain.settings import Synthesis
from neurofm_bids.pretrain.synthesis.generator import GENERATOR_VERSION, SyntheticImage, generate_image
from neurofm_bids.pretrain.synthesis.placement import CUBE_MM
from neurofm_bids.storage.atomic import write_json, write_nifti, write_text
from neurofm_bids.storage.tables import table_text
from neurofm_bids.storage.text import read_json

__all__ = ["nifti_image", "write_dataset"]

_COLUMNS = {
    "age": {"Description": "Age; n/a if volumes were drawn without regard to age and sex", "Units": "year"},
    "sex": {"Description": "Sex", "Levels": {"M": "male", "F": "female"}},
    "brain_volume_mm3": {
        "Description": "Brain tissue without ventricles, measured on the deformed label map",
        "Units": "mm^3",
    },
    "ventricular_volume_mm3": {
        "Description": "Lateral ventricles with inferior horns and choroid plexus, from the same map",
        "Units": "mm^3",
    },
    "stripping": {"Description": "Style of skull-stripping"},
    "label_map": {"Description": "Name of the label map that was deformed"},
}
_README = """Synthetic, skull-stripped brains generated from label maps: they contain no image of a person.
The license of the label maps applies to images generated from them.
"""


def write_dataset(settings: Synthesis) -> None:
    """Write synthetic participants as a BIDS dataset of skull-stripped T1w on the model grid, 1 mm.

    Parameters
    ----------
    settings
        Their folder is new, empty, or of an earlier call with the same label maps and seed and no more
        participants.

    Raises
    ------
    NeuroFMError
        The folder holds other files, or the label maps cannot be used.
    """
    device, out = choose_device(settings.device), settings.out
    _start_dataset(out, _description(settings.maps, settings.seed), settings.n)
    anatomies = load_anatomies(settings.maps, settings.cache_folder)
    rows = []
    for index in range(settings.n):
        name = f"sub-{index + 1:06d}"
        synthetic = generate_image(anatomies, settings.seed, index, step_mm=1, device=device)
        _write_image(out / name / "anat" / f"{name}_T1w.nii.gz", synthetic)
        rows.append([name, *_row(synthetic)])
        write_text(out / "participants.tsv", table_text(["participant_id", *_COLUMNS], rows))


def _description(maps: Sequence[Path], seed: int) -> dict[str, Any]:
    digests = "".join(label_map_digests(maps).values())
    maps_digest = hashlib.sha256(digests.encode()).hexdigest()[:12]
    description = f"seed {seed}, label maps {maps_digest}, generator {GENERATOR_VERSION}"
    return {
        "Name": "Synthetic T1-weighted brains",
        "BIDSVersion": "1.10.0",
        "DatasetType": "raw",
        "GeneratedBy": [{"Name": "NeuroFM-BIDS", "Version": __version__, "Description": description}],
    }


def _start_dataset(out: Path, description: dict[str, Any], count: int) -> None:
    """Write the files that describe the dataset, unless the folder holds anything else."""
    path = out / "dataset_description.json"
    try:
        same = path.is_file() and read_json(path) == description
        foreign = not same and out.exists() and any(out.iterdir())
    except (OSError, ValueError):
        foreign = True
    if foreign:
        raise NeuroFMError(
            "the output folder is not empty and was not written with these label maps and this seed",
            where=out,
            fix="Use a new folder.",
            code=Exit.CANT_CREATE,
        )
    existing = len(list(out.glob("sub-*")))
    if existing > count:
        raise NeuroFMError(
            f"the output folder already holds {existing} participants",
            where=out,
            fix=f"Use --n {existing} or more, or a new folder.",
            code=Exit.CANT_CREATE,
        )
    write_json(path, description)
    write_text(out / "README", _README)
    write_json(out / "participants.json", _COLUMNS)


def nifti_image(synthetic: SyntheticImage) -> nib.Nifti1Image:
    """Return an image of 1 mm on the model grid, int16, white matter near 1000."""
    cube = np.zeros((CUBE_MM,) * 3, dtype=np.int16)
    box = tuple(slice(s, s + n) for s, n in zip(synthetic.shape.start, synthetic.shape.size, strict=True))
    cube[box] = np.clip(synthetic.image.cpu().numpy() * 1000, 0, 32767).astype(np.int16)
    image = nib.Nifti1Image(cube, GRID_AFFINE)
    image.header.set_xyzt_units("mm", "sec")
    return image


def _write_image(path: Path, synthetic: SyntheticImage) -> None:
    write_nifti(path, nifti_image(synthetic))
    write_json(path.with_name(f"{path.name.removesuffix('.nii.gz')}.json"), {"SkullStripped": True})


def _row(synthetic: SyntheticImage) -> Iterator[str | None]:
    """Yield the values of :data:`_COLUMNS`."""
    person, shape = synthetic.person, synthetic.shape
    yield None if person.age_years is None else f"{person.age_years:.2f}"
    yield person.sex
    yield f"{1000 * shape.volume_ml(shape.brain):.0f}"
    yield f"{1000 * shape.volume_ml(shape.ventricles):.0f}"
    yield synthetic.style
    yield shape.anatomy.name
