"""Checks of weights and installation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.config import TEMPLATE, Processing
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.weights import LoadedModel, load_model
from neurofm_bids.storage.text import read_json

__all__ = ["Check", "published_example", "verify"]

_TOLERANCE = 1e-4  # absolute, and relative
_IMAGE_SHAPE = (193, 229, 193)


@dataclass(frozen=True)
class Check:
    """One check.

    Parameters
    ----------
    passed
        None if it could not be done.
    result
        What was measured.
    proves
        What follows from it, and what does not.
    """

    name: str
    passed: bool | None
    result: str
    proves: str


def verify(model: str, weights: Path | None = None, image: Path | None = None) -> Iterator[Check]:
    """Yield the checks of a model's weights: file, arithmetic, and the published example where there is one.

    Parameters
    ----------
    model
        Name in the registry.
    weights
        Their file, if not the bundled or the fetched one.
    image
        The T1w of the published example, if it should not come from TemplateFlow.

    Raises
    ------
    NeuroFMError
        There are no weights, they are refused, or ``image`` is another one.
    """
    loaded = load_model(model, weights)
    yield _file(loaded)
    yield _arithmetic(loaded)
    yield published_example(loaded, image)


def _file(loaded: LoadedModel) -> Check:
    spec = loaded.spec
    digest = f"SHA-256 {loaded.sha256}"
    if loaded.sha256 == spec.sha256:
        return Check("file", True, digest, f"This is the file that was published as {spec.name}.")
    return Check(
        "file",
        None,
        f"{digest}; {'expected ' + spec.sha256 if spec.sha256 else 'the published one is not known'}",
        f"It holds finite weights of the shapes of variant {spec.variant}; their origin is not verified.",
    )


def _arithmetic(loaded: LoadedModel) -> Check:
    """Compare the fast computation with the plain network on the bundled template."""
    import torch

    from neurofm_bids.model.augmentation import read_volume
    from neurofm_bids.model.encoder import Encoder
    from neurofm_bids.preprocess.model_grid import model_grid
    from neurofm_bids.preprocess.registration import load_template

    template = load_template(TEMPLATE)
    brain = np.where(np.asarray(template.mask.dataobj) > 0, np.asarray(template.image.dataobj), 0)
    grid, _ = model_grid(
        nib.Nifti1Image(brain.astype(np.float32), template.image.affine), template.mask, space="native"
    )
    volume = np.asarray(grid.dataobj)
    with torch.inference_mode():
        standard = read_volume(volume, loaded.spec.zscore).standardise(volume)
        plain = loaded.network(torch.from_numpy(standard)[None, None]).latent[0].numpy()
    fast = Encoder(loaded, Processing(device="cpu")).encode(volume, views=1).features
    proves = (
        "If it passes, the optimised encoder equals the plain network on this machine. "
        "It does not check the weights."
    )
    return _compared("arithmetic", fast, plain, "", proves)


def published_example(loaded: LoadedModel, image: Path | None = None) -> Check:
    """Repeat the authors' published run on the MNI template, if it is of this model.

    Parameters
    ----------
    image
        The T1w of the published example, if it should not come from TemplateFlow.

    Raises
    ------
    NeuroFMError
        ``image`` is another one.
    """
    path = Path(str(files("neurofm_bids"))) / "data" / "verification" / f"{loaded.spec.name}.json"
    name = "published example"
    if not path.is_file():
        return Check(name, None, "no example was published for this model", "Not checked.")
    expected = read_json(path)
    try:
        source = image or _template_image(expected["Template"])
    except NeuroFMError as error:
        return Check(name, None, str(error), "Not checked.")
    return _compared(
        name,
        _published_run(loaded, source, expected["Image"]),
        np.array(expected["Features"]),
        f" ({expected['Image']})",
        "If it passes, weights, loader, network and the preprocessing of the example reproduce the features "
        "that the authors published for this image. It does not prove that predictions are accurate.",
    )


def _compared(name: str, features: NDArray[Any], expected: NDArray[Any], note: str, proves: str) -> Check:
    agrees = bool(np.allclose(features, expected, rtol=_TOLERANCE, atol=_TOLERANCE))
    difference = f"{np.abs(features - expected).max():.1g}"
    return Check(
        name, agrees, f"largest difference of the {len(features)} features {difference}{note}", proves
    )


def _template_image(template: str) -> Path:
    from templateflow import api

    try:
        path = api.get(template, resolution=1, desc="brain", suffix="T1w", extension=".nii.gz")
        why = "TemplateFlow has none"
    except Exception as error:
        path, why = None, type(error).__name__
    if not path or isinstance(path, list):
        raise NeuroFMError(
            f"the 1 mm brain of {template} is not available ({why})",
            fix="Connect to the internet, or pass the file with --image.",
            code=Exit.TRY_AGAIN,
        )
    return Path(path)


def _published_run(loaded: LoadedModel, image: Path, what: str) -> NDArray[np.float32]:
    """Return the features after the preprocessing of the published example: reordered, then conformed."""
    from nibabel.processing import conform

    from neurofm_bids.geometry import GRID_AFFINE, reorientation
    from neurofm_bids.model.encoder import Encoder
    from neurofm_bids.preprocess.load import load_t1w

    brain = load_t1w(image)
    if brain.shape != _IMAGE_SHAPE:
        raise NeuroFMError(
            f"an image of {brain.shape} voxels is not that of the published example ({_IMAGE_SHAPE})",
            where=image,
            fix=f"Use {what}.",
        )
    brain = brain.as_reoriented(reorientation(brain.affine, GRID_AFFINE))
    grid = conform(brain, out_shape=(256,) * 3, order=1, orientation="LIA")
    return (
        Encoder(loaded, Processing(device="cpu"))
        .encode(np.asarray(grid.dataobj, dtype=np.float32), views=1)
        .features
    )
