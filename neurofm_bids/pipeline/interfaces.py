"""Thin nipype interfaces: read files, call one pure function, write files.

Every step writes what it measured to a JSON file beside its images. A step that fails leaves
``failure.json`` in its folder, and every step leaves ``timing.json``: see :mod:`neurofm_bids.pipeline.step`.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nipype.interfaces.base import BaseInterfaceInputSpec, File, TraitedSpec, traits

from neurofm_bids.participant.images import read_image
from neurofm_bids.participant.record import image_identity
from neurofm_bids.pipeline.step import Step

__all__ = [
    "BiasStep",
    "BrainStep",
    "EncodeStep",
    "FiguresStep",
    "GridStep",
    "RegisterStep",
    "read_registration",
]


def _save(folder: Path, name: str, image: nib.Nifti1Image) -> str:
    path = folder / name
    image.to_filename(path)
    return str(path)


def _save_json(folder: Path, name: str, value: Any) -> str:
    path = folder / name
    path.write_text(json.dumps(value, sort_keys=True))
    return str(path)


class BrainIn(BaseInterfaceInputSpec):  # type: ignore[misc]
    """Inputs of :class:`BrainStep`."""

    in_file = File(mandatory=True)
    skull_strip = traits.Str("auto")
    threads = traits.Int(1, nohash=True)


class BrainOut(TraitedSpec):  # type: ignore[misc]
    """Outputs of :class:`BrainStep`."""

    t1w = File()
    mask = File()


class BrainStep(Step):
    """Check the image and find the brain."""

    input_spec, output_spec = BrainIn, BrainOut

    def compute(self, folder: Path) -> dict[str, str]:
        """Load, check and mask one T1w."""
        import torch

        from neurofm_bids.preprocess.brain_extraction import extract_brain
        from neurofm_bids.preprocess.load import load_t1w

        torch.set_num_threads(self.inputs.threads)
        path = Path(self.inputs.in_file)
        with contextlib.suppress(OSError):  # reading the image says better what is wrong with it
            _save_json(folder, "image.json", image_identity(path))
        t1w = load_t1w(path)
        mask, measures = extract_brain(t1w, self.inputs.skull_strip)
        _save_json(folder, "measures.json", {"brain": asdict(measures)})
        return {"t1w": _save(folder, "t1w.nii", t1w), "mask": _save(folder, "mask.nii", mask)}


class BiasIn(BaseInterfaceInputSpec):  # type: ignore[misc]
    """Inputs of :class:`BiasStep`."""

    t1w = File(mandatory=True)
    mask = File(mandatory=True)
    method = traits.Str("n4")


class BiasOut(TraitedSpec):  # type: ignore[misc]
    """Outputs of :class:`BiasStep`."""

    corrected = File()


class BiasStep(Step):
    """Correct the intensity bias."""

    input_spec, output_spec = BiasIn, BiasOut

    def compute(self, folder: Path) -> dict[str, str]:
        """Correct one T1w within its brain mask."""
        from neurofm_bids.preprocess.bias_correction import correct_bias

        t1w, mask = read_image(self.inputs.t1w), read_image(self.inputs.mask)
        corrected, measures = correct_bias(t1w, mask, self.inputs.method)
        _save_json(folder, "measures.json", {"bias": asdict(measures)})
        return {"corrected": _save(folder, "corrected.nii", corrected)}


class RegisterIn(BaseInterfaceInputSpec):  # type: ignore[misc]
    """Inputs of :class:`RegisterStep`."""

    corrected = File(mandatory=True)
    mask = File(mandatory=True)
    template = traits.Str()
    seed = traits.Int()


class RegisterOut(TraitedSpec):  # type: ignore[misc]
    """Outputs of :class:`RegisterStep`."""

    registration = File()


class RegisterStep(Step):
    """Register the brain to the template, rigid and affine."""

    input_spec, output_spec = RegisterIn, RegisterOut

    def compute(self, folder: Path) -> dict[str, str]:
        """Register one brain."""
        from neurofm_bids.pipeline.in_memory import mask_image
        from neurofm_bids.preprocess.registration import load_template, register

        corrected, mask = read_image(self.inputs.corrected), read_image(self.inputs.mask)
        template = load_template(self.inputs.template)
        registration = register(mask_image(corrected, mask), mask, template, seed=self.inputs.seed)
        record = {
            key: value.tolist() if isinstance(value, np.ndarray) else value
            for key, value in asdict(registration).items()
        }
        _save_json(folder, "measures.json", {"registration": record})
        return {"registration": _save_json(folder, "registration.json", record)}


def read_registration(path: str | Path) -> Any:
    """Read back the :class:`~neurofm_bids.preprocess.registration.Registration` that a step wrote."""
    from neurofm_bids.preprocess.registration import Registration

    record = json.loads(Path(path).read_text())
    matrices = {key: np.array(record[key], dtype=float) for key in ("rigid", "affine")}
    return Registration(**{**record, **matrices})


class GridIn(BaseInterfaceInputSpec):  # type: ignore[misc]
    """Inputs of :class:`GridStep`."""

    t1w = File(mandatory=True)
    corrected = File(mandatory=True)
    mask = File(mandatory=True)
    registration = File(mandatory=True)
    space = traits.Str()


class GridOut(TraitedSpec):  # type: ignore[misc]
    """Outputs of :class:`GridStep`."""

    grid = File()


class GridStep(Step):
    """Resample the brain to the model grid and measure quality."""

    input_spec, output_spec = GridIn, GridOut

    def compute(self, folder: Path) -> dict[str, str]:
        """Make the volume the network reads and the quality measures."""
        from neurofm_bids.pipeline.in_memory import mask_image
        from neurofm_bids.preprocess.iqm import measure_quality
        from neurofm_bids.preprocess.model_grid import model_grid

        t1w, corrected, mask = (read_image(getattr(self.inputs, n)) for n in ("t1w", "corrected", "mask"))
        registration = read_registration(self.inputs.registration)
        brain = mask_image(corrected, mask)
        grid, measures = model_grid(brain, mask, space=self.inputs.space, t1w_to_template=registration.rigid)
        quality, flags = measure_quality(t1w, corrected, mask, registration)
        _save_json(folder, "measures.json", {"grid": asdict(measures)})
        _save_json(folder, "quality.json", {"quality": quality, "flags": [asdict(f) for f in flags]})
        return {"grid": _save(folder, "grid.nii", grid)}


class FiguresIn(BaseInterfaceInputSpec):  # type: ignore[misc]
    """Inputs of :class:`FiguresStep`."""

    t1w = File(mandatory=True)
    corrected = File(mandatory=True)
    mask = File(mandatory=True)
    registration = File(mandatory=True)
    grid = File(mandatory=True)
    template = traits.Str()


class FiguresOut(TraitedSpec):  # type: ignore[misc]
    """Outputs of :class:`FiguresStep`."""

    mask_svg = File()
    registration_svg = File()
    grid_svg = File()


class FiguresStep(Step):
    """Draw the three figures of the report."""

    input_spec, output_spec = FiguresIn, FiguresOut

    def compute(self, folder: Path) -> dict[str, str]:
        """Draw mask, registration and model grid."""
        from neurofm_bids.preprocess.registration import load_template
        from neurofm_bids.report.figures import grid_figure, mask_figure, registration_figure

        corrected, mask = read_image(self.inputs.corrected), read_image(self.inputs.mask)
        template = load_template(self.inputs.template)
        affine = read_registration(self.inputs.registration).affine
        paths = {name: folder / f"{name}.svg" for name in ("mask", "registration", "grid")}
        mask_figure(read_image(self.inputs.t1w), mask, paths["mask"])
        registration_figure(corrected, mask, template.image, template.mask, affine, paths["registration"])
        grid_figure(read_image(self.inputs.grid), paths["grid"])
        return {f"{name}_svg": str(path) for name, path in paths.items()}


class EncodeIn(BaseInterfaceInputSpec):  # type: ignore[misc]
    """Inputs of :class:`EncodeStep`."""

    grid = File(mandatory=True)
    grid_svg = File(mandatory=True)
    job = traits.Any(mandatory=True)
    use_gpu = traits.Bool(False, nohash=True)


class EncodeOut(TraitedSpec):  # type: ignore[misc]
    """Outputs of :class:`EncodeStep`: the last file that was written."""

    sidecar = File()


class EncodeStep(Step):
    """Encode the brain and write all outputs of the scan."""

    input_spec, output_spec = EncodeIn, EncodeOut

    def compute(self, folder: Path) -> dict[str, str]:
        """Encode one scan; the folders of the other steps lie beside its own."""
        from neurofm_bids.participant.write import write_scan
        from neurofm_bids.pipeline.encoding import load_encoder

        job = self.inputs.job
        volume = np.asarray(read_image(self.inputs.grid).dataobj, dtype=np.float32)
        encoding = load_encoder(job.config).encode(volume, job.config.processing.views)
        return {"sidecar": str(write_scan(job, folder.parent, encoding))}
