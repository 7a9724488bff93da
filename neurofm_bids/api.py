"""The Python interface: one object that turns T1-weighted images into typed results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.config import TEMPLATE
from neurofm_bids.errors import Exit, NeuroFMError

if TYPE_CHECKING:
    from neurofm_bids.model.encoder import Encoding
    from neurofm_bids.model.network import NeuroFMNet
    from neurofm_bids.model.predictions import Prediction
    from neurofm_bids.model.registry import ModelSpec
    from neurofm_bids.preprocess.iqm import Flag

__all__ = ["NeuroFM", "Result", "Source"]

Source: TypeAlias = str | Path | nib.spatialimages.SpatialImage | NDArray[Any]


@dataclass(frozen=True)
class Result:
    """What one scan gave.

    Parameters
    ----------
    encoding
        What the network gave; its ``features`` and ``predictions`` are at hand here too.
    quality, flags
        Quality measures by name and warnings.
    measures
        What each step measured, by step.
    model
        Name of the model.
    notice
        What has to be known about the model before its numbers are used.
    grid
        The volume that the network read: 256^3 voxels of 1 mm, LIA, before the z-score.
    """

    encoding: Encoding
    quality: Mapping[str, float]
    flags: tuple[Flag, ...]
    measures: Mapping[str, Any]
    model: str
    notice: str
    grid: nib.Nifti1Image = field(repr=False)

    @property
    def features(self) -> NDArray[np.float32]:
        """Latent vector, float32, shape (n,)."""
        return self.encoding.features

    @property
    def predictions(self) -> Mapping[str, Prediction]:
        """Predictions by name: ``age``, ``sex``, ``ventricular_volume``, ``brain_volume``."""
        return self.encoding.predictions

    def to_dict(self) -> dict[str, Any]:
        """Return the result without the image, ready for JSON."""
        return {
            "Model": {"Name": self.model, "Notice": self.notice},
            **self.encoding.to_dict(),
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
        Views averaged per scan, 1 to 64; 1 is the published single pass.
    batch_size
        Views in one pass of the network; by default 1 on a CPU and 8 on a GPU.
    precision
        ``float32`` or ``bfloat16``.

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
        batch_size: int | None = None,
        precision: str = "float32",
    ) -> None:
        from neurofm_bids.model.encoder import Encoder
        from neurofm_bids.model.weights import load_model

        self._loaded = load_model(model, Path(weights) if weights is not None else None)
        self.views = views
        self.spec: ModelSpec = self._loaded.spec
        self._encoder = Encoder(self._loaded, device=device, batch_size=batch_size, precision=precision)

    def module(self, *, dropout: float = 0.0) -> NeuroFMNet:
        """Return a copy of the network as a ``torch.nn.Module``, for fine-tuning.

        Every output is differentiable, ``train()`` switches dropout and batch statistics on, and changes do
        not reach this object: save the state as safetensors and load that with ``weights``.

        Parameters
        ----------
        dropout
            Rate of dropout in training.
        """
        return self._loaded.network.copy(dropout=dropout)

    @overload
    def encode(self, brains: Iterable[Source], *, views: int | None = ...) -> Iterator[Encoding]: ...

    @overload
    def encode(
        self, brains: Iterable[Source], *, views: int | None = ..., errors: Literal["raise", "return"]
    ) -> Iterator[Encoding | Exception]: ...

    def encode(
        self,
        brains: Iterable[Source],
        *,
        views: int | None = None,
        errors: Literal["raise", "return"] = "raise",
    ) -> Iterator[Encoding | Exception]:
        """Yield features and predictions of brains that are prepared already, in their order.

        Memory does not grow with their number: the next brain is read while the network is at work.

        Parameters
        ----------
        brains
            Paths or nibabel images of skull-stripped T1w with a zero background, brought to the model grid
            as the published reference does; or arrays of 256^3 voxels that are on it (1 mm, LIA).
        views
            Other than those of the model.
        errors
            ``raise`` ends at the first brain that cannot be used; ``return`` yields the exception in its
            place and goes on.

        Raises
        ------
        neurofm_bids.errors.NeuroFMError
            A brain cannot be used; the message says which, why and what to do.
        """
        if isinstance(brains, str | Path | np.ndarray) or hasattr(brains, "dataobj"):
            raise NeuroFMError(
                "encode takes several brains", fix="Give one in a list: [brain].", code=Exit.USAGE
            )
        found = self._encoder.encode_many(brains, _read_brain, self._views(views), errors="return")
        return (_checked(number, item, errors) for number, item in enumerate(found))

    def predict(
        self,
        image: Source,
        *,
        views: int | None = None,
        skull_strip: str = "auto",
        bias_correction: str = "n4",
        encode_space: str = "rigid",
        template: str = TEMPLATE,
    ) -> Result:
        """Run the whole chain on one T1-weighted image and return features, predictions and quality.

        Parameters
        ----------
        image
            Path (``.nii``, ``.nii.gz``, ``.mgz``) or nibabel image, 3-D.
        views
            Other than those of the model.
        skull_strip, bias_correction, encode_space, template
            As the options of the command line.

        Raises
        ------
        neurofm_bids.errors.NeuroFMError
            The image cannot be used; the message says why and what to do.
        """
        from neurofm_bids.pipeline.in_memory import prepare

        prepared = prepare(
            image,
            skull_strip=skull_strip,
            bias_correction=bias_correction,
            encode_space=encode_space,
            template=template,
        )
        encoding = self._encoder.encode(np.asarray(prepared.grid.dataobj), views=self._views(views))
        zscore = {"mean": encoding.zscore_mean, "sd": encoding.zscore_sd}
        return Result(
            encoding=encoding,
            quality=prepared.quality,
            flags=prepared.flags,
            measures={**prepared.measures, "zscore": zscore},
            model=self.spec.name,
            notice=self.spec.notice,
            grid=prepared.grid,
        )

    def _views(self, views: int | None) -> int:
        return self.views if views is None else views


def _read_brain(source: Source) -> NDArray[Any]:
    """Return the model-grid volume of a brain."""
    from neurofm_bids.preprocess.load import load_t1w
    from neurofm_bids.preprocess.model_grid import model_grid

    if isinstance(source, np.ndarray):
        return source
    brain = load_t1w(source)
    mask = nib.Nifti1Image((np.asarray(brain.dataobj) != 0).astype(np.uint8), brain.affine)
    grid, _ = model_grid(brain, mask, space="native", t1w_to_template=None)
    return np.asarray(grid.dataobj)


def _checked(number: int, found: Encoding | Exception, errors: str) -> Encoding | Exception:
    """Say in an error which brain it is about, and raise it if that was asked for."""
    if isinstance(found, NeuroFMError) and found.where is None:
        found = NeuroFMError(found.what, where=f"brain {number}", fix=found.fix, code=found.code)
    if isinstance(found, Exception) and errors == "raise":
        raise found
    return found
