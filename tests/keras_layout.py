"""The published Keras layout of weights, written from a network: for tests of what reads it."""

import io

import h5py
import numpy as np

from neurofm_bids.model.keras_h5 import layout

_CONV = ("conv1", "conv2", "conv3", "residual_conv")
_NORM = ("bn1", "bn2", "bn3", "residual_bn")
_KERAS = {
    "weight": "gamma:0",
    "bias": "beta:0",
    "running_mean": "moving_mean:0",
    "running_var": "moving_variance:0",
}


def keras_bytes(network):
    """Return the bytes of an HDF5 file with the weights of a network of variant s."""
    state = {name: value.numpy() for name, value in network.state_dict().items()}
    stream = io.BytesIO()
    groups = {_numbered("dense", number): [] for number in range(len(network.outputs))}
    with h5py.File(stream, "w") as file:
        for group, names in layout(network.architecture, network.outputs, groups):
            block = int(names[0].split(".")[1]) if group.startswith("enc_conv") else None
            weights = [_weight(group, name, block) for name in names]
            for weight, name in zip(weights, names, strict=True):
                file.create_dataset(f"{group}/{weight}", data=_as_keras(state[name]))
            file[group].attrs["weight_names"] = [weight.encode() for weight in weights]
    return stream.getvalue()


def _weight(group, name, block):
    layer, part = name.split(".")[-2:]
    if block is None:
        return f"{group}/{'kernel' if part == 'weight' else 'bias'}:0"
    if layer in _NORM:
        return f"{group}/{_numbered('batch_normalization', 4 * block + _NORM.index(layer))}/{_KERAS[part]}"
    folder = "" if layer == "residual_conv" else f"{group}/"
    conv = _numbered("conv3d", 4 * block + _CONV.index(layer))
    return f"{folder}{conv}/{'kernel' if part == 'weight' else 'bias'}:0"


def _numbered(name, number):
    return f"{name}_{number}" if number else name


def _as_keras(array):
    return np.moveaxis(array, (0, 1), (-1, -2)) if array.ndim > 1 else array
