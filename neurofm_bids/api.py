"""The Python interface: one object that turns T1-weighted images into typed results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.config import TEMPLATE

if TYPE_CHECKING:
    from neurofm_bids.model.models import ModelSpec
    from neurofm_bids.model.predictions import Prediction
    from neurofm_bids.preprocess.quality import Flag

__all__ = ["NeuroFM", "Result"]


@dataclass(frozen=True)
class Result:
    """What one scan gave.

    Parameters
    ----------
    features
        Latent vector, float32, shape (n,).
    predictions
        Predictions by name: ``age``, ``sex``, ``ventricular_volume``, ``brain_volume``.
    quality, flags
        Quality measures by name and warnings; empty without preprocessing.
    measures
        What each step measured, by step.
    model
        Name of the model.
    notice
        What has to be known about the model before its numbers are used.
    grid
        The volume that the network read: 256^3 voxels of 1 mm, LIA, before the z-score.
    """

    features: NDArray[np.float32]
    predictions: Mapping[str, Prediction]
    quality: Mapping[str, float]
    flags: tuple[Flag, ...]
    measures: Mapping[str, Any]
    model: str
    notice: str
    grid: nib.Nifti1Image = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the result without the image, ready for JSON."""
        return {
            "Model": {"Name": self.model, "Notice": self.notice},
            "Features": [float(value) for value in self.features],
            "Predictions": {name: p.to_dict() for name, p in self.predictions.items()},
            "Quality": dict(self.quality),
            "Flags": [{"Name": f.name, "Message": f.message, "Severity": f.severity} for f in self.flags],
        }


class NeuroFM:
    """A NeuroFM model, loaded once and used for any number of scans.

    Parameters
    ----------
    model
        ``open-s`` (comes with the package), ``neurofm-s``, ``neurofm-m`` or ``neurofm-l``.
    weights
        File with the weights of that model (``.h5`` or ``.safetensors``).
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    views
        Lattice phases averaged per scan, 1 to 8; 1 is the published single pass.

    Raises
    ------
    neurofm_bids.errors.NeuroFMError
        The weights are missing, damaged or of another variant, or the device is not there.

    Examples
    --------
    >>> from neurofm_bids import NeuroFM
    >>> model = NeuroFM("open-s", device="cpu")
    >>> model.spec.label
    'openS'
    """

    def __init__(
        self,
        model: str = "open-s",
        *,
        weights: str | Path | None = None,
        device: str = "auto",
        views: int = 8,
    ) -> None:
        from neurofm_bids.model.encoder import Encoder
        from neurofm_bids.model.weights import load_model

        loaded = load_model(model, Path(weights) if weights is not None else None)
        self.views = views
        self.spec: ModelSpec = loaded.spec
        self.network = loaded.network
        self._encoder = Encoder(loaded, device=device)

    def predict(
        self,
        image: str | Path | nib.spatialimages.SpatialImage,
        *,
        preprocess: bool = True,
        skull_strip: str = "auto",
        bias_correction: str = "n4",
        encode_space: str = "rigid",
        template: str = TEMPLATE,
    ) -> Result:
        """Return features, predictions and quality of one T1-weighted image.

        Parameters
        ----------
        image
            Path (``.nii``, ``.nii.gz``, ``.mgz``) or nibabel image, 3-D.
        preprocess
            Run the whole chain. If False the image has to be skull-stripped with a zero background, and is
            only brought to the model grid, as the published reference does.
        skull_strip, bias_correction, encode_space, template
            As the options of the command line; used with ``preprocess=True`` only.

        Raises
        ------
        neurofm_bids.errors.NeuroFMError
            The image cannot be used; the message says why and what to do.
        """
        if not preprocess:
            return self._predict_prepared(image)
        from neurofm_bids.preprocess.chain import prepare

        prepared = prepare(
            image,
            skull_strip=skull_strip,
            bias_correction=bias_correction,
            encode_space=encode_space,
            template=template,
        )
        return self._result(prepared.grid, prepared.measures, prepared.quality, prepared.flags)

    def _predict_prepared(self, image: Any) -> Result:
        from dataclasses import asdict

        from neurofm_bids.preprocess.grid import load_t1w, model_grid

        brain = load_t1w(image)
        inside = (np.asarray(brain.dataobj) != 0).astype(np.uint8)
        mask = nib.Nifti1Image(inside, brain.affine)
        grid, measures = model_grid(brain, mask, space="native", t1w_to_template=None)
        return self._result(grid, {"grid": asdict(measures)}, {}, ())

    def _result(
        self,
        grid: nib.Nifti1Image,
        measures: Mapping[str, Any],
        quality: Mapping[str, float],
        flags: tuple[Flag, ...],
    ) -> Result:
        encoding = self._encoder.encode(np.asarray(grid.dataobj, dtype=np.float32), views=self.views)
        zscore = {"mean": encoding.zscore_mean, "sd": encoding.zscore_sd}
        return Result(
            features=encoding.features,
            predictions={p.name: p for p in encoding.predictions},
            quality=quality,
            flags=flags,
            measures={**measures, "zscore": zscore},
            model=self.spec.name,
            notice=self.spec.notice,
            grid=grid,
        )
