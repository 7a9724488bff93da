"""Strict reading of the published Keras ``.h5`` weights.

The order is that of each group's ``weight_names``; the automatic numbers in the names are counters of the
process that wrote the file and mean nothing. A missing, extra or wrongly shaped weight is refused by name.
The HDF5 library can hang or crash on a damaged file, so one that is not known by its hash is read in another
process.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.architecture import ARCHITECTURES, Architecture
from neurofm_bids.model.registry import Head

__all__ = ["TIME_LIMIT_SECONDS", "layout", "read_keras_h5"]

Arrays = dict[str, NDArray[np.float32]]
TIME_LIMIT_SECONDS = 60  # a whole file of the largest variant takes one
_BYTES = 8 * 2**30
_MOST_VALUES = 4_000_000  # in one weight; the largest of any variant has 0.5 million

_BLOCK = (
    *(f"conv{i}.{part}" for i in (1, 2, 3) for part in ("weight", "bias")),
    *(f"bn{i}.{part}" for i in (1, 2, 3) for part in ("weight", "bias")),
    *("residual_conv.weight", "residual_conv.bias", "residual_bn.weight", "residual_bn.bias"),
    *(f"bn{i}.{part}" for i in (1, 2, 3) for part in ("running_mean", "running_var")),
    *("residual_bn.running_mean", "residual_bn.running_var"),
)
_LINEAR = ("linear.weight", "linear.bias")
_BN = ("bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")


def read_keras_h5(
    path: Path, architecture: Architecture, heads: Sequence[Head], *, trusted: bool = False
) -> Arrays:
    """Return the weights of a file under the names of :class:`~neurofm_bids.model.network.NeuroFMNet`.

    Parameters
    ----------
    trusted
        The file is known by its hash: read it here instead of in another process.

    Raises
    ------
    NeuroFMError
        The file is no HDF5, or holds other weights than the variant has.
    """
    if not trusted:
        return _read_apart(path, architecture, heads)
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return _read(file, path, architecture, heads)
    except NeuroFMError:
        raise
    except (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        raise _refusal(path, f"the file is not a whole Keras weights file ({error})") from error


def _read_apart(path: Path, architecture: Architecture, heads: Sequence[Head]) -> Arrays:
    with tempfile.TemporaryDirectory(prefix="neurofm-") as folder:
        arrays_file = Path(folder) / "weights.npz"
        command = [
            sys.executable,
            "-P",  # else a file in the current folder, named like a library, would run
            "-m",
            "neurofm_bids.model.keras_h5",
            str(path),
            architecture.name,
            json.dumps([(head.name, head.keras) for head in heads]),
            str(arrays_file),
        ]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=TIME_LIMIT_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise _refusal(path, f"the HDF5 library did not end within {TIME_LIMIT_SECONDS} s") from error
        if done.returncode == 0:
            with np.load(arrays_file, allow_pickle=False) as arrays:
                return dict(arrays)
        if done.returncode == Exit.DATA:
            raise _refusal(path, done.stdout.strip())
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise _refusal(path, f"the HDF5 library fails on the file ({last})")


def _main(path: str, variant: str, heads: str, target: str) -> int:
    """Read a file and write its arrays as ``.npz``; print the reason if it is refused."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = _BYTES if hard == resource.RLIM_INFINITY else min(_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        named = [Head(name, "", "", "", (0, 0), keras=tuple(keras)) for name, keras in json.loads(heads)]
        arrays = read_keras_h5(Path(path), ARCHITECTURES[variant], named, trusted=True)
    except NeuroFMError as error:
        sys.stdout.write(error.what)
        return int(Exit.DATA)
    np.savez(target, **arrays)  # type: ignore[arg-type]
    return int(Exit.OK)


def _read(file: Any, path: Path, architecture: Architecture, heads: Sequence[Head]) -> Arrays:
    groups = {name: _weights(file, name, path) for name in file}
    groups = {name: weights for name, weights in groups.items() if weights}
    arrays: Arrays = {}
    for group, names in layout(architecture, heads, groups):
        arrays |= _named(path, group, groups.pop(group, None), names)
    if groups:
        raise _refusal(
            path, f"the file has weights that this variant does not have ({', '.join(sorted(groups))})"
        )
    return arrays


def _refusal(path: Path, what: str) -> NeuroFMError:
    return NeuroFMError(
        what, where=path, fix="Fetch the weights again, or choose the --model that they belong to."
    )


def _weights(file: Any, name: str, path: Path) -> list[tuple[str, Any]]:
    """Return names and datasets of a layer's weights, unread."""
    import h5py

    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise _refusal(path, f"{name} is a link to another place")
    if not isinstance(file[name], h5py.Group):
        return []
    datasets = []
    for raw in file[name].attrs.get("weight_names", ()):
        weight = raw.decode() if isinstance(raw, bytes) else str(raw)
        datasets.append((weight, _dataset(file[name], weight, path)))
    return datasets


def _dataset(group: Any, name: str, path: Path) -> Any:
    """Return a dataset that lies in the file itself, as float32 and not larger than weights can be."""
    import h5py

    folder, parts = group, name.split("/")
    for part in parts:
        if not isinstance(folder, h5py.Group) or part in {"", ".", ".."} or part not in folder:
            raise _refusal(path, f"the weight {name} is missing")
        if not isinstance(folder.get(part, getlink=True), h5py.HardLink):
            raise _refusal(path, f"the weight {name} is a link to another place")
        folder = folder[part]
    if not isinstance(folder, h5py.Dataset) or folder.dtype != np.float32:
        raise _refusal(path, f"the weight {name} is not float32")
    if folder.external or folder.is_virtual or folder.size is None or folder.size > _MOST_VALUES:
        raise _refusal(path, f"the weight {name} is not an array of this network")
    return folder


def layout(
    architecture: Architecture, heads: Sequence[Head], groups: Mapping[str, Any]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each group of a file with the names of its weights in the network, in order."""
    yield from _encoder(architecture)
    for head in heads if architecture.head_hidden is not None else ():
        names = head.keras or (head.name,)
        name = next((name for name in names if f"enc_dense_pred_{name}_0" in groups), names[0])
        yield from _dense(f"enc_dense_pred_{name}_0", f"bn_dense_pred_{name}_0", f"hidden.{head.name}")
    finals = sorted((g for g in groups if g.startswith("dense")), key=_counter)
    for i, head in enumerate(heads):
        group = finals[i] if i < len(finals) else f"dense (output of {head.name})"
        yield group, (f"heads.{head.name}.weight", f"heads.{head.name}.bias")


def _encoder(architecture: Architecture) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the groups of blocks, pooling and neck."""
    stages = enumerate(architecture.blocks, start=1)
    blocks = [f"enc_conv_{stage}_{block}" for stage, count in stages for block in range(1, count + 1)]
    for index, group in enumerate(blocks):
        yield group, tuple(f"blocks.{index}.{part}" for part in _BLOCK)
    if architecture.pooled_dense is not None:
        yield "enc_dense_0", tuple(f"pooled.{part}" for part in _LINEAR)
    for i in range(len(architecture.neck)):
        yield from _dense(f"enc_neck_{i}", f"bn_neck_{i}", f"neck.{i}")


def _dense(linear: str, normalisation: str, name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the two groups of a dense layer with batch normalisation."""
    yield linear, tuple(f"{name}.{part}" for part in _LINEAR)
    yield normalisation, tuple(f"{name}.{part}" for part in _BN)


def _counter(name: str) -> int:
    number = name.removeprefix("dense").removeprefix("_")
    return int(number) if number.isdigit() else 0


def _named(path: Path, group: str, weights: list[tuple[str, Any]] | None, names: tuple[str, ...]) -> Arrays:
    if weights is None:
        raise _refusal(path, f"the weights of {group} are missing")
    if len(weights) != len(names):
        raise _refusal(
            path, f"{group} has the wrong number of weights: {len(weights)} instead of {len(names)}"
        )
    arrays = {}
    for name, (source, dataset) in zip(names, weights, strict=True):
        array = np.asarray(dataset[()])
        if not np.isfinite(array).all():
            raise _refusal(path, f"the weight {source} has values that are not finite")
        arrays[name] = _as_torch(array)
    return arrays


def _as_torch(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn Conv3D (d, h, w, in, out) and Dense (in, out) kernels into (out, in, ...)."""
    if array.ndim < 2:
        return array
    return np.ascontiguousarray(np.moveaxis(array, (-1, -2), (0, 1)))


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
