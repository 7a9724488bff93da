"""The one table of steps: both ways of running a scan, in memory and as a nipype graph, are made from it.

Every function here is thin: it calls one function of another room and names what comes out. A new step, or a
new output of a step, is declared in :data:`STEPS` and nowhere else.
"""

from __future__ import annotations

from typing import Any

from neurofm_bids.config import BOTH_STAGES, ENCODE, PREPROCESS, Processing
from neurofm_bids.pipeline.step import IMAGE, TEXT, VECTOR, Memory, Step, record
from neurofm_bids.pipeline.task import Task
from neurofm_bids.records.anatomy import Anatomy
from neurofm_bids.records.attribution import Attribution
from neurofm_bids.records.flag import Flag
from neurofm_bids.records.measurement import BiasCorrection, BrainExtraction, ModelGrid, Registration
from neurofm_bids.records.scan import DerivedImage, Input, ScanRecord
from neurofm_bids.resources import torch_threads

__all__ = [
    "EVERY_STEP",
    "HAND_OVER",
    "PIPELINE_VERSION",
    "STEPS",
    "USUAL_VOXELS",
    "absent_values",
    "most_memory_gb",
    "producer",
    "steps_of",
]

# Raised whenever features, predictions or metrics change: scans of another version are processed again.
PIPELINE_VERSION = 7

USUAL_VOXELS = 256**3


def _extract_brain(task: Task) -> dict[str, Any]:
    from neurofm_bids.pipeline.derived import brain_mask
    from neurofm_bids.pipeline.provenance import derived_images, identify_input
    from neurofm_bids.preprocess.load import load_t1w

    source, derived = identify_input(task.source), derived_images(task)
    t1w = load_t1w(task.source)
    mask, measured = brain_mask(task, t1w)
    return {"input": source, "derived": derived, "t1w": t1w, "mask": mask, "brain_extraction": measured}


def _correct_bias(task: Task, t1w: Any, mask: Any) -> dict[str, Any]:
    from neurofm_bids.pipeline.derived import corrected_t1w

    corrected, measured = corrected_t1w(task, t1w, mask)
    return {"corrected": corrected, "bias_correction": measured}


def _register(task: Task, mask: Any, corrected: Any) -> dict[str, Any]:
    from neurofm_bids.geometry import mask_image
    from neurofm_bids.preprocess.registration import load_template, register

    template = load_template(task.processing.template)
    return {"registration": register(mask_image(corrected, mask), mask, template)}


def _bring_to_model_grid(
    task: Task, t1w: Any, mask: Any, corrected: Any, registration: Registration
) -> dict[str, Any]:
    import numpy as np

    from neurofm_bids.geometry import mask_image
    from neurofm_bids.preprocess.iqm import measure_quality
    from neurofm_bids.preprocess.model_grid import model_grid
    from neurofm_bids.preprocess.registration import load_template

    brain, space, rigid = mask_image(corrected, mask), task.processing.encode_space, registration.rigid
    grid, measured = model_grid(brain, mask, space=space, t1w_to_template=np.array(rigid))
    template_mask = load_template(task.processing.template).mask
    quality = measure_quality(t1w, corrected, mask, registration, template_mask=template_mask)
    return {
        "grid": grid,
        "model_grid": measured,
        "image_quality": quality.metrics,
        "not_measured": quality.not_measured,
        "quality_flags": quality.flags,
    }


def _segment(task: Task, t1w: Any, registration: Registration, grid: Any) -> dict[str, Any]:
    from neurofm_bids.pipeline.anatomy import segment_scan

    with torch_threads(1):  # as the encoder
        labels, anatomy = segment_scan(task, t1w, registration, grid)
    return {"segmentation": labels, "anatomy": anatomy}


def _attribute(
    task: Task, t1w: Any, registration: Registration, grid: Any, segmentation: Any
) -> dict[str, Any]:
    from neurofm_bids.pipeline.attribution import attribute_scan

    with torch_threads(1):  # as the encoder
        maps, attributions = attribute_scan(task, t1w, registration, grid, segmentation)
    return {"attribution_maps": maps, "attributions": attributions}


def _draw_figures(task: Task, **images: Any) -> dict[str, Any]:
    from neurofm_bids.pipeline.figures import draw_figures

    return draw_figures(task, **images)


def _encode(task: Task, grid: Any, **measured: Any) -> dict[str, Any]:
    import numpy as np

    from neurofm_bids.pipeline.network import load_encoder
    from neurofm_bids.pipeline.provenance import make_record

    volume = np.asarray(grid.dataobj, dtype=np.float32)
    with torch_threads(1):  # scans run side by side, and the last bits depend on the number of threads
        encoding = (task.encoder or load_encoder(task.processing)).encode(volume, task.processing.views)
    return {
        "features": encoding.features,
        "record": make_record(task, encoding, PIPELINE_VERSION, **measured),
    }


def _write(task: Task, **outputs: Any) -> dict[str, Any]:
    from neurofm_bids.pipeline.hand_over import interim_folder, remove_hand_over
    from neurofm_bids.pipeline.write import write_outputs

    sidecar = write_outputs(task, **outputs)
    if not task.keep_interim:
        remove_hand_over(interim_folder(task.out_dir, task.scan))
    return {"sidecar": str(sidecar)}


def _hand_over(task: Task, **values: Any) -> dict[str, Any]:
    from neurofm_bids.pipeline.hand_over import interim_folder, write_hand_over

    kinds = {name: producer(name).outputs[name] for name in values}
    signature = write_hand_over(
        interim_folder(task.out_dir, task.scan),
        values,
        kinds,
        pipeline_version=PIPELINE_VERSION,
        parameters=task.processing.of_preprocessing,
    )
    return {"signature": str(signature)}


_FIGURES = tuple(
    f"{name}_figure"
    for name in ("mask", "registration", "template", "bias", "grid", "anatomy", "attribution")
)

_PAINTED = ("segmentation", "attribution_maps")

# Memory was measured with benchmarks/memory.py and rounded up.
_PREPROCESSING = (
    Step(
        "brain_extraction",
        _extract_brain,
        inputs=(),
        outputs={
            "input": record(Input | None),
            "derived": record(tuple[DerivedImage, ...]),
            "t1w": IMAGE,
            "mask": IMAGE,
            "brain_extraction": record(BrainExtraction),
        },
        memory=Memory(1.5, 0.005),
        parallel=True,
    ),
    Step(
        "bias_correction",
        _correct_bias,
        inputs=("t1w", "mask"),
        outputs={"corrected": IMAGE, "bias_correction": record(BiasCorrection)},
        memory=Memory(0.95, 0.010),
    ),
    Step(
        "registration",
        _register,
        inputs=("mask", "corrected"),
        outputs={"registration": record(Registration)},
        memory=Memory(0.92, 0.014),
    ),
    Step(
        "model_grid",
        _bring_to_model_grid,
        inputs=("t1w", "mask", "corrected", "registration"),
        outputs={
            "grid": IMAGE,
            "model_grid": record(ModelGrid),
            "image_quality": record(dict[str, float | None]),
            "not_measured": record(dict[str, str]),
            "quality_flags": record(tuple[Flag, ...]),
        },
        memory=Memory(1.0, 0.014),
    ),
)
_ENCODING = (
    Step(
        "anatomy",
        _segment,
        inputs=("t1w", "registration", "grid"),
        outputs={"segmentation": IMAGE, "anatomy": record(Anatomy)},
        memory=Memory(1.1, 0.008),
        gpu=True,
        is_needed=lambda processing: not processing.no_anatomy,
        absent={"segmentation": None, "anatomy": None},
    ),
    Step(
        "attribution",
        _attribute,
        inputs=("t1w", "registration", "grid", "segmentation"),
        outputs={"attribution_maps": IMAGE, "attributions": record(dict[str, Attribution])},
        memory=Memory(1.25, 0.032),
        gpu=True,
        is_needed=lambda processing: bool(processing.attribution),
        absent={"attribution_maps": None, "attributions": {}},
    ),
    Step(
        "figures",
        _draw_figures,
        inputs=("t1w", "mask", "corrected", "registration", "grid", *_PAINTED, "attributions"),
        outputs={**dict.fromkeys(_FIGURES, TEXT), "viewer": IMAGE},
        memory=Memory(1.1, 0.005),
    ),
    Step(
        "encode",
        _encode,
        inputs=(
            "grid",
            "input",
            "derived",
            "brain_extraction",
            "bias_correction",
            "registration",
            "model_grid",
            "image_quality",
            "not_measured",
            "quality_flags",
            "anatomy",
            "attributions",
        ),
        outputs={"features": VECTOR, "record": record(ScanRecord)},
        memory=Memory(1.1, 0.005),
        gpu=True,
    ),
    Step(
        "write",
        _write,
        inputs=("mask", "corrected", "grid", "features", "record", "viewer", *_FIGURES, *_PAINTED),
        outputs={"sidecar": TEXT},
        memory=Memory(0.95, 0.035),
    ),
)


_HANDED_OVER = tuple(
    name
    for step in _PREPROCESSING
    for name in step.outputs
    if any(name in later.inputs for later in _ENCODING)
)
STEPS = (*_PREPROCESSING, *_ENCODING)  # from the image to its outputs
HAND_OVER = Step(
    "hand_over",
    _hand_over,
    inputs=_HANDED_OVER,
    outputs={"signature": TEXT},
    memory=Memory(0.95, 0.035),  # as the step that writes the outputs
)
EVERY_STEP = (*STEPS, HAND_OVER)
_STAGES = {BOTH_STAGES: STEPS, PREPROCESS: (*_PREPROCESSING, HAND_OVER), ENCODE: _ENCODING}


def steps_of(processing: Processing, stage: str = BOTH_STAGES) -> tuple[Step, ...]:
    """Return the steps that scans need which are processed with some settings, in order.

    >>> [step.name for step in steps_of(Processing(no_anatomy=True), "encode")]
    ['figures', 'encode', 'write']
    """
    return tuple(step for step in _STAGES[stage] if step.is_needed(processing))


def producer(output: str) -> Step:
    """Return the step that makes an output.

    >>> producer("mask").name
    'brain_extraction'
    """
    return next(step for step in EVERY_STEP if output in step.outputs)


def absent_values(task: Task) -> dict[str, Any]:
    """Return what stands for the outputs of the steps that a scan does not need, by name."""
    values: dict[str, Any] = {}
    for step in STEPS:
        if not step.is_needed(task.processing):
            values |= step.absent
    return values


def most_memory_gb(processing: Processing, voxels: int = USUAL_VOXELS, stage: str = BOTH_STAGES) -> float:
    """Return what the most demanding step that is needed takes for an image of this many voxels, in GB."""
    return max(step.memory.gb(voxels) for step in steps_of(processing, stage))
