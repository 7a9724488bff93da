"""Strict reading of the published Keras ``.h5`` weights.

The order is that of each group's ``weight_names``; the automatic numbers in the names are counters of the
process that wrote the file and mean nothing. A missing, extra or wrongly shaped weight is refused by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.errors import NeuroFMError

if TYPE_CHECKING:
    from neurofm_bids.model.network import Architecture

__all__ = ["read_keras_h5"]

Arrays = dict[str, NDArray[np.float32]]

_BLOCK = (
    *(f"conv{i}.{part}" for i in (1, 2, 3) for part in ("weight", "bias")),
    *(f"bn{i}.{part}" for i in (1, 2, 3) for part in ("weight", "bias")),
    *("residual_conv.weight", "residual_conv.bias", "residual_bn.weight", "residual_bn.bias"),
    *(f"bn{i}.{part}" for i in (1, 2, 3) for part in ("running_mean", "running_var")),
    *("residual_bn.running_mean", "residual_bn.running_var"),
)
_LINEAR = ("linear.weight", "linear.bias")
_BN = ("bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")
_HEAD_NAMES = {
    "age": ("PatientAge", "brain_age"),
    "sex": ("PatientSex", "sex"),
    "ventricular_volume": ("ventricular_volume", "ventricle_volume"),
    "brain_volume": ("brain_volume",),
}


def read_keras_h5(path: Path, architecture: Architecture) -> Arrays:
    """Return the weights of a file under the names of :class:`~neurofm_bids.model.network.NeuroFMNet`.

    Raises
    ------
    NeuroFMError
        The file is no HDF5, or holds other weights than the variant has.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            groups = {name: _weights(file[name], path) for name in file if isinstance(file[name], h5py.Group)}
    except NeuroFMError:
        raise
    except (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        raise _refusal(path, f"the file is not a whole Keras weights file ({error})") from error
    groups = {name: weights for name, weights in groups.items() if weights}
    arrays: Arrays = {}
    for group, names in _layout(architecture, groups):
        arrays |= _named(path, group, groups.pop(group, None), names)
    if groups:
        raise _refusal(path, f"weights that this variant does not have ({', '.join(sorted(groups))})")
    return arrays


def _refusal(path: Path, what: str) -> NeuroFMError:
    return NeuroFMError(
        what, where=path, fix="Fetch the weights again, or choose the --model they belong to."
    )


def _weights(group: Any, path: Path) -> list[tuple[str, NDArray[np.float32]]]:
    found = []
    for raw in group.attrs.get("weight_names", ()):
        name = raw.decode() if isinstance(raw, bytes) else str(raw)
        if name not in group:
            raise _refusal(path, f"the weight {name} is missing")
        found.append((name, np.asarray(group[name][()], dtype=np.float32)))
    return found


def _layout(architecture: Architecture, groups: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    index = 0
    for stage, count in enumerate(architecture.blocks, start=1):
        for block in range(1, count + 1):
            yield f"enc_conv_{stage}_{block}", tuple(f"blocks.{index}.{part}" for part in _BLOCK)
            index += 1
    if architecture.pooled_dense is not None:
        yield "enc_dense_0", tuple(f"pooled.{part}" for part in _LINEAR)
    for i in range(len(architecture.neck)):
        yield f"enc_neck_{i}", tuple(f"neck.{i}.{part}" for part in _LINEAR)
        yield f"bn_neck_{i}", tuple(f"neck.{i}.{part}" for part in _BN)
    if architecture.head_hidden is not None:
        for head, aliases in _HEAD_NAMES.items():
            name = next((a for a in aliases if f"enc_dense_pred_{a}_0" in groups), aliases[0])
            yield f"enc_dense_pred_{name}_0", tuple(f"hidden.{head}.{part}" for part in _LINEAR)
            yield f"bn_dense_pred_{name}_0", tuple(f"hidden.{head}.{part}" for part in _BN)
    finals = sorted((g for g in groups if g.startswith("dense")), key=_counter)
    for i, head in enumerate(_HEAD_NAMES):
        group = finals[i] if i < len(finals) else f"dense (output of {head})"
        yield group, (f"heads.{head}.weight", f"heads.{head}.bias")


def _counter(name: str) -> int:
    number = name.removeprefix("dense").removeprefix("_")
    return int(number) if number.isdigit() else 0


def _named(
    path: Path, group: str, weights: list[tuple[str, NDArray[np.float32]]] | None, names: tuple[str, ...]
) -> Arrays:
    if weights is None:
        raise _refusal(path, f"the weights of {group} are missing")
    if len(weights) != len(names):
        raise _refusal(path, f"{group} has {len(weights)} weights instead of {len(names)}")
    for source, array in weights:
        if not np.isfinite(array).all():
            raise _refusal(path, f"the weight {source} has values that are not finite")
    return {name: _as_torch(array) for name, (_, array) in zip(names, weights, strict=True)}


def _as_torch(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn Conv3D (d, h, w, in, out) and Dense (in, out) kernels into (out, in, ...)."""
    if array.ndim < 2:
        return array
    return np.ascontiguousarray(np.moveaxis(array, (-1, -2), (0, 1)))
