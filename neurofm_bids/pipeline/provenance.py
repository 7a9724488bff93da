"""The record of a scan, put together from what its steps measured, with how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from neurofm_bids import __version__
from neurofm_bids.bids.entities import described
from neurofm_bids.model.registry import model_spec
from neurofm_bids.pipeline.network_quality import network_quality
from neurofm_bids.pipeline.task import Task
from neurofm_bids.records.anatomy import Anatomy
from neurofm_bids.records.attribution import Attribution
from neurofm_bids.records.flag import Flag, disagreement_flag, range_flag, suffix_flag
from neurofm_bids.records.judgement import judge
from neurofm_bids.records.measurement import Measurements, Standardisation
from neurofm_bids.records.scan import DerivedImage, Input, Model, Provenance, ScanRecord
from neurofm_bids.storage.atomic import file_sha256

if TYPE_CHECKING:
    from neurofm_bids.model.encoder import Encoding

__all__ = ["derived_images", "identify_input", "make_record", "software"]

_PACKAGES = ("deepbet", "nibabel", "nipype", "numpy", "scipy", "torch")


def software() -> dict[str, str]:
    """Return the versions of the packages that shape the results."""
    return {"neurofm-bids": __version__, **{name: _version(name) for name in _PACKAGES}}


@cache
def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def identify_input(source: Any) -> Input | None:
    """Return what tells one image file from another; None for an image without a file, or that is gone."""
    if not isinstance(source, str | Path):
        return None
    try:
        status = Path(source).stat()
        return Input(hash=file_sha256(Path(source)), size=status.st_size, modified=status.st_mtime_ns)
    except OSError:  # loading the image gives the better message
        return None


def derived_images(task: Task) -> tuple[DerivedImage, ...]:
    """Return what tells the files of other programs apart with which a scan is processed."""
    return tuple(
        DerivedImage(use, given.dataset, relative, given.tool, identify_input(path))
        for given in task.derived
        for use, path, relative in given.files
    )


def make_record(
    task: Task,
    encoding: Encoding,
    pipeline_version: int,
    *,
    input: Input | None,
    derived: tuple[DerivedImage, ...],
    image_quality: dict[str, float | None],
    not_measured: dict[str, str],
    quality_flags: tuple[Flag, ...],
    anatomy: Anatomy | None,
    attributions: Mapping[str, Attribution],
    **measured: Any,
) -> ScanRecord:
    """Return the record of an encoded scan.

    Parameters
    ----------
    encoding
        What the network gave.
    pipeline_version
        See :data:`neurofm_bids.pipeline.steps.PIPELINE_VERSION`.
    input, derived, image_quality, not_measured, quality_flags, anatomy, attributions, **measured
        What the steps before it gave; ``measured`` are fields of :class:`Measurements`.
    """
    standardisation = Standardisation(encoding.zscore_mean, encoding.zscore_sd)
    measurements = Measurements(**measured, standardisation=standardisation)
    suffix = described(PurePosixPath(task.scan.path).name)["suffix"]
    head_volume = measurements.brain_extraction.volume_mm3
    flags = [*quality_flags, suffix_flag(suffix)]
    for head in model_spec(task.processing.model).heads:
        prediction = encoding.predictions[head.name]
        flags.append(range_flag(head.name, prediction, head.possible(head_volume)))
        if anatomy is not None and head.measured:
            measured_mm3 = anatomy.volumes[head.measured].mm3
            flags.append(disagreement_flag(head.name, prediction, measured_mm3, head.tolerance))
    found = tuple(flag for flag in flags if flag is not None)
    further = network_quality(model_spec(task.processing.model).heads, encoding.predictions, anatomy)
    return ScanRecord(
        scan=task.scan,
        acquisition=task.acquisition,
        measurements=measurements,
        image_quality={**image_quality, **further.metrics},
        not_measured={**not_measured, **further.not_measured},
        views=encoding.views,
        predictions=encoding.predictions,
        flags=found,
        quality=judge(found),
        provenance=_provenance(task, input, pipeline_version),
        anatomy=anatomy,
        attributions=attributions,
        derived=derived,
    )


def _provenance(task: Task, source: Input | None, pipeline_version: int) -> Provenance:
    spec = model_spec(task.processing.model)
    return Provenance(
        version=__version__,
        pipeline_version=pipeline_version,
        model=Model(spec.name, spec.label, task.weights_sha256, spec.license, spec.notice),
        input=source,
        parameters=task.processing.parameters,
        parameters_hash=task.processing.parameters_hash,
        software=software(),
    )
