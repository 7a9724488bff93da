"""The Python interface: one object that turns T1-weighted images into typed results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.bids.entities import scan_stem
from neurofm_bids.config import ALL_TARGETS, Processing
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.records.scan import Identity
from neurofm_bids.result import AttributedBrain, Result, SegmentedBrain

if TYPE_CHECKING:
    from neurofm_bids.model.encoder import Encoding
    from neurofm_bids.model.network import NeuroFMNet
    from neurofm_bids.model.registry import ModelSpec
    from neurofm_bids.pipeline.task import Task

__all__ = ["NeuroFM", "Source", "read_brain"]

Source: TypeAlias = str | Path | nib.spatialimages.SpatialImage | NDArray[Any]


class NeuroFM:
    """A NeuroFM model, loaded once and used for any number of scans.

    Parameters
    ----------
    model
        ``open-s`` (is bundled), ``neurofm-s``, ``neurofm-m`` or ``neurofm-l``.
    weights
        File with the weights of that model (``.h5`` or ``.safetensors``).
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    views
        Passes of the test-time augmentation averaged per scan, 1 to 64; 1 is the published single pass.
    batch_size
        Passes computed together by the network; by default 1 on a CPU and 8 on a GPU.
    precision
        ``float32`` or ``bfloat16``.

    Raises
    ------
    neurofm_bids.errors.NeuroFMError
        The weights are missing, damaged or of another variant, or the device is not available.

    Examples
    --------
    >>> from neurofm_bids import NeuroFM
    >>> model = NeuroFM("open-s", device="cpu")
    >>> model.spec.label
    'openS'
    """

    def __init__(
        self,
        model: str = Processing.model,
        *,
        weights: str | Path | None = None,
        device: str = Processing.device,
        views: int = Processing.views,
        batch_size: int | None = Processing.batch_size,
        precision: str = Processing.precision,
    ) -> None:
        from neurofm_bids.model.encoder import Encoder
        from neurofm_bids.model.weights import load_model

        path = Path(weights) if weights is not None else None
        self._loaded = load_model(model, path)
        self._processing = Processing(
            model=model, weights=path, device=device, batch_size=batch_size, precision=precision
        )
        self.views = views
        self.spec: ModelSpec = self._loaded.spec
        self._encoder = Encoder(self._loaded, self._processing)

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
        """Yield features and predictions of preprocessed brains, in their order.

        Memory does not grow with their number: the next brain is read while the network is running.

        Parameters
        ----------
        brains
            Paths or nibabel images of skull-stripped T1w with a zero background, brought to the model grid
            as the published reference does; or arrays of 256^3 voxels that are on it (1 mm, LIA).
        views
            Number of passes; by default that of the model.
        errors
            ``raise`` ends at the first brain that cannot be used; ``return`` yields the exception in its
            place and continues.

        Raises
        ------
        neurofm_bids.errors.NeuroFMError
            A brain cannot be used; the message says which, why and what to do.
        """
        if isinstance(brains, str | Path | np.ndarray) or hasattr(brains, "dataobj"):
            raise NeuroFMError(
                "encode takes a sequence of brains", fix="Use a list: [brain].", code=Exit.USAGE
            )
        results = self._encoder.encode_many(brains, read_brain, self._views(views))
        return (_checked(number, item, errors) for number, item in enumerate(results))

    def predict(
        self,
        image: Source,
        *,
        views: int | None = None,
        skull_strip: str = Processing.skull_strip,
        bias_correction: str = Processing.bias_correction,
        encode_space: str = Processing.encode_space,
        template: str = Processing.template,
        no_anatomy: bool = Processing.no_anatomy,
        anatomy_phases: int = Processing.anatomy_phases,
    ) -> Result:
        """Run the whole pipeline on one T1-weighted image and return features, predictions and quality.

        Parameters
        ----------
        image
            Path (``.nii``, ``.nii.gz``, ``.mgz``) or nibabel image, 3-D.
        views
            Number of passes; by default that of the model.
        skull_strip, bias_correction, encode_space, template, no_anatomy, anatomy_phases
            As the options of the command line.

        Raises
        ------
        neurofm_bids.errors.NeuroFMError
            The image cannot be used; the message says why and what to do.
        """
        from neurofm_bids.pipeline.in_memory import run_in_memory

        processing = replace(
            self._processing,
            views=self._views(views),
            skull_strip=skull_strip,
            bias_correction=bias_correction,
            encode_space=encode_space,
            template=template,
            no_anatomy=no_anatomy,
            anatomy_phases=anatomy_phases,
        )
        made = run_in_memory(self._task(image, processing), ["record"])
        return Result(made["record"], made["features"], made["grid"])

    def segment(
        self,
        image: Source,
        *,
        skull_strip: str = Processing.skull_strip,
        bias_correction: str = Processing.bias_correction,
        template: str = Processing.template,
        anatomy_phases: int = Processing.anatomy_phases,
    ) -> SegmentedBrain:
        """Segment the brain of one T1-weighted image.

        Parameters
        ----------
        image
            Path (``.nii``, ``.nii.gz``, ``.mgz``) or nibabel image, 3-D.
        skull_strip, bias_correction, template, anatomy_phases
            As the options of the command line.

        Raises
        ------
        neurofm_bids.errors.NeuroFMError
            The image cannot be used; the message says why and what to do.
        """
        from neurofm_bids.pipeline.in_memory import run_in_memory

        processing = replace(
            self._processing,
            skull_strip=skull_strip,
            bias_correction=bias_correction,
            template=template,
            anatomy_phases=anatomy_phases,
        )
        made = run_in_memory(self._task(image, processing), ["segmentation"])
        return SegmentedBrain(made["segmentation"], made["anatomy"])

    def attribute(
        self,
        image: Source,
        targets: Sequence[str] = (ALL_TARGETS,),
        *,
        views: int | None = None,
        skull_strip: str = Processing.skull_strip,
        bias_correction: str = Processing.bias_correction,
        encode_space: str = Processing.encode_space,
        template: str = Processing.template,
        no_anatomy: bool = Processing.no_anatomy,
        anatomy_phases: int = Processing.anatomy_phases,
    ) -> AttributedBrain:
        """Map what the places of one brain contribute to targets of the model.

        Parameters
        ----------
        image
            Path (``.nii``, ``.nii.gz``, ``.mgz``) or nibabel image, 3-D.
        targets
            Names of targets; all of the model by default. Numbers that are linear in the features can be
            attributed with :func:`neurofm_bids.explain.integrated_gradients.attribute`.
        views
            Number of passes; by default that of the model.
        skull_strip, bias_correction, encode_space, template, no_anatomy, anatomy_phases
            As the options of the command line. Without anatomy there are no shares of regions.

        Raises
        ------
        neurofm_bids.errors.NeuroFMError
            The model has no such target, or the image cannot be used; the message says why and what to do.
        """
        from neurofm_bids.explain.readout import target_readouts
        from neurofm_bids.pipeline.in_memory import run_in_memory

        processing = replace(
            self._processing,
            attribution=tuple(readout.name for readout in target_readouts(self.spec, targets)),
            views=self._views(views),
            skull_strip=skull_strip,
            bias_correction=bias_correction,
            encode_space=encode_space,
            template=template,
            no_anatomy=no_anatomy,
            anatomy_phases=anatomy_phases,
        )
        made = run_in_memory(self._task(image, processing), ["attribution_maps"])
        return AttributedBrain(made["attribution_maps"], made["attributions"])

    def _task(self, image: Source, processing: Processing) -> Task:
        from neurofm_bids.bids.discovery import scan_at
        from neurofm_bids.pipeline.task import Task, acquisition, identity

        scan = scan_at(Path(image)) if isinstance(image, str | Path) else None
        if scan is not None:
            named, metadata = identity(scan), acquisition(scan)
        else:
            named, metadata = Identity(stem=_stem(image)), {}
        return Task(image, named, metadata, processing, self._loaded.sha256, encoder=self._encoder)

    def _views(self, views: int | None) -> int:
        return self.views if views is None else views


def _stem(image: Source) -> str:
    return scan_stem(Path(image).name) if isinstance(image, str | Path) else "image"


def read_brain(source: Source) -> NDArray[Any]:
    """Return the model-grid volume of a brain."""
    from neurofm_bids.preprocess.load import load_t1w
    from neurofm_bids.preprocess.model_grid import model_grid

    if isinstance(source, np.ndarray):
        return source
    brain = load_t1w(source)
    mask = nib.Nifti1Image((np.asarray(brain.dataobj) != 0).astype(np.uint8), brain.affine)
    grid, _ = model_grid(brain, mask, space="native", t1w_to_template=None)
    return np.asarray(grid.dataobj)


def _checked(number: int, result: Encoding | Exception, errors: str) -> Encoding | Exception:
    """Name the brain in an error, and raise the error if requested."""
    if isinstance(result, NeuroFMError) and result.where is None:
        result = NeuroFMError(result.what, where=f"brain {number}", fix=result.fix, code=result.code)
    if isinstance(result, Exception) and errors == "raise":
        raise result
    return result
