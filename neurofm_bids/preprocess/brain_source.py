"""Brains that are given as paths, images or arrays: the volume that is encoded, and errors that name them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.preprocess.load import load_t1w
from neurofm_bids.preprocess.model_grid import model_grid

__all__ = ["Source", "check_sequence", "named_errors", "read_brain"]

Source: TypeAlias = str | Path | nib.spatialimages.SpatialImage | NDArray[Any]
_Result = TypeVar("_Result")


def check_sequence(brains: object) -> None:
    """Raise if brains are a single one.

    Raises
    ------
    NeuroFMError
        They are a path, an image or an array.
    """
    if isinstance(brains, str | Path | np.ndarray) or hasattr(brains, "dataobj"):
        raise NeuroFMError("encode takes a sequence of brains", fix="Use a list: [brain].", code=Exit.USAGE)


def read_brain(source: Source) -> NDArray[Any]:
    """Return the model-grid volume of a brain.

    Parameters
    ----------
    source
        Path or image of a skull-stripped T1w with a zero background; or an array, which is returned as it is.

    Raises
    ------
    NeuroFMError
        The image cannot be used.
    """
    if isinstance(source, np.ndarray):
        return source
    brain = load_t1w(source)
    mask = nib.Nifti1Image((np.asarray(brain.dataobj) != 0).astype(np.uint8), brain.affine)
    grid, _ = model_grid(brain, mask, space="native", t1w_to_template=None)
    return np.asarray(grid.dataobj)


def named_errors(
    results: Iterable[_Result | Exception], errors: Literal["raise", "return"]
) -> Iterator[_Result | Exception]:
    """Yield the results of brains, with the number of the brain in an error that names no file.

    Raises
    ------
    Exception
        One of the results, if ``errors`` is ``raise``.
    """
    for number, result in enumerate(results):
        named = _named(number, result)
        if isinstance(named, Exception) and errors == "raise":
            raise named
        yield named


def _named(number: int, result: _Result | Exception) -> _Result | Exception:
    if not isinstance(result, NeuroFMError) or result.where is not None:
        return result
    return NeuroFMError(result.what, where=f"brain {number}", fix=result.fix, code=result.code)
