"""The Python interface: one object that turns T1-weighted images into typed results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, get_type_hints, overload

from neurofm_bids.config import ALL_TARGETS, Processing
from neurofm_bids.derivative_options import DERIVATIVES
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.preprocess.brain_source import Source, check_sequence, named_errors, read_brain
from neurofm_bids.result import AttributedBrain, Result, SegmentedBrain

if TYPE_CHECKING:
    from neurofm_bids.model.encoder import Encoding
    from neurofm_bids.model.network import NeuroFMNet
    from neurofm_bids.model.registry import ModelSpec
    from neurofm_bids.readout import Readout

__all__ = ["AnatomySettings", "NeuroFM", "ScanSettings", "Source", "read_brain"]


class AnatomySettings(TypedDict, total=False):
    """Settings of :meth:`NeuroFM.segment`, named and valued as the options of the command line."""

    skull_strip: str
    bias_correction: str
    template: str
    anatomy_phases: int


class ScanSettings(AnatomySettings, total=False):
    """Settings of :meth:`NeuroFM.predict` and :meth:`NeuroFM.attribute`, as the options of the command line.

    ``views`` is the number of passes; by default that of the model.
    """

    views: int | None
    encode_space: str
    no_anatomy: bool


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
        check_sequence(brains)
        passes = self.views if views is None else views
        return named_errors(self._encoder.encode_many(brains, read_brain, passes), errors)

    def predict(
        self, image: Source, *, mask: Source | None = None, **settings: Unpack[ScanSettings]
    ) -> Result:
        """Run the whole pipeline on one T1-weighted image and return features, predictions and quality.

        Parameters
        ----------
        image
            Path (``.nii``, ``.nii.gz``, ``.mgz``) or nibabel image, 3-D.
        mask
            Path or image of a brain mask of another program, in the scanner space of the image; by default
            the brain is extracted.
        settings
            See :class:`ScanSettings`.

        Raises
        ------
        neurofm_bids.errors.NeuroFMError
            The image cannot be used; the message says why and what to do.
        """
        _check_names(settings, ScanSettings)
        made = self._run(image, "record", settings, mask=mask)
        return Result(made["record"], made["features"], made["grid"])

    def segment(
        self, image: Source, *, mask: Source | None = None, **settings: Unpack[AnatomySettings]
    ) -> SegmentedBrain:
        """Segment the brain of one T1-weighted image.

        Parameters
        ----------
        image
            Path (``.nii``, ``.nii.gz``, ``.mgz``) or nibabel image, 3-D.
        mask
            Path or image of a brain mask of another program, in the scanner space of the image; by default
            the brain is extracted.
        settings
            See :class:`AnatomySettings`.

        Raises
        ------
        neurofm_bids.errors.NeuroFMError
            The image cannot be used; the message says why and what to do.
        """
        _check_names(settings, AnatomySettings)
        made = self._run(image, "segmentation", settings, mask=mask)
        return SegmentedBrain(made["segmentation"], made["anatomy"])

    def attribute(
        self,
        image: Source,
        targets: Sequence[str] = (ALL_TARGETS,),
        *,
        readouts: Sequence[Readout] = (),
        mask: Source | None = None,
        **settings: Unpack[ScanSettings],
    ) -> AttributedBrain:
        """Map what the places of one brain contribute to targets of the model.

        Parameters
        ----------
        image
            Path (``.nii``, ``.nii.gz``, ``.mgz``) or nibabel image, 3-D.
        targets
            Names of targets; all of the model by default. Numbers that are linear in the features can be
            attributed with :func:`neurofm_bids.explain.integrated_gradients.attribute`.
        readouts
            Readouts of the latent features, attributed besides the targets.
        mask
            See :meth:`predict`.
        settings
            See :class:`ScanSettings`. Without anatomy there are no shares of regions.

        Raises
        ------
        neurofm_bids.errors.NeuroFMError
            The model has no such target, a readout cannot be attributed or was fitted on other features, or
            the image cannot be used; the message says why and what to do.
        """
        from neurofm_bids.explain.readout import target_readouts

        _check_names(settings, ScanSettings)
        targets = [one.name for one in target_readouts(self.spec, targets)]
        names = (*targets, *(one.name for one in readouts))
        wanted = {**settings, "attribution": names}
        made = self._run(image, "attribution_maps", wanted, readouts, mask)
        return AttributedBrain(made["attribution_maps"], made["attributions"])

    def _run(
        self,
        image: Source,
        output: str,
        settings: Mapping[str, Any],
        readouts: Sequence[Readout] = (),
        mask: Source | None = None,
    ) -> dict[str, Any]:
        """Run the steps that an output needs, and return everything that they made, by name."""
        from neurofm_bids.pipeline.attributed import linear_readouts
        from neurofm_bids.pipeline.in_memory import run_in_memory
        from neurofm_bids.pipeline.steps import PIPELINE_VERSION
        from neurofm_bids.pipeline.task import image_task
        from neurofm_bids.records.origin import make_origin

        views = settings.get("views")
        passes = self.views if views is None else views
        stripping = {} if mask is None else {"skull_strip": DERIVATIVES}
        if stripping and "skull_strip" in settings:
            raise NeuroFMError("mask and skull_strip exclude each other", fix="Use one.", code=Exit.USAGE)
        processing = replace(self._processing, **{**settings, **stripping, "views": passes})
        origin = make_origin(PIPELINE_VERSION, self._loaded.sha256, None, processing.parameters)
        records, names = [one.record for one in readouts], [one.name for one in readouts]
        linear = linear_readouts(records, names, self.spec, origin)
        task = image_task(image, processing, self._loaded.sha256, self._encoder, linear, mask)
        return run_in_memory(task, [output])


def _check_names(settings: Mapping[str, Any], known: type) -> None:
    """Raise a TypeError for settings that a method does not have, as Python does for arguments."""
    names = list(get_type_hints(known))
    if unknown := sorted(settings.keys() - names):
        raise TypeError(f"there is no setting {unknown[0]} here; the settings are {', '.join(names)}")
