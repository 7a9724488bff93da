"""Files of weights, and what has to become of damaged ones: refused by their path, or loaded whole."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck
from hypothesis import strategies as st

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.model.registry import model_spec
from neurofm_bids.model.weights import load_model, load_network
from tests.keras_layout import keras_bytes

KERAS = keras_bytes(load_model("open-s").network)
SPECS = {variant: model_spec(f"neurofm-{variant}") for variant in "sml"}
SEEDS = st.integers(0, 2**32 - 1)
QUIETLY = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


def refused(path, message, variant="s"):
    with pytest.raises(NeuroFMError, match=message) as error:
        load_network(path, SPECS[variant])
    assert error.value.where == path
    assert error.value.fix


def damaged(data, seed, first, end):
    """Return data with one to five bytes of a range changed, in one of five cases cut short as well."""
    rng = np.random.default_rng(seed)
    data = bytearray(data)
    for place in rng.integers(first, end, rng.integers(1, 6)):
        data[place] = rng.choice([0, 1, 255, data[place] ^ 1, data[place] ^ 128, rng.integers(256)])
    return bytes(data[: rng.integers(len(data))] if rng.random() < 0.2 else data)


def loads_or_is_refused(path):
    try:
        network = load_network(path, SPECS["s"])
    except NeuroFMError as error:
        where = error.where
    else:
        where = path
        assert all(torch.isfinite(value).all() for value in network.state_dict().values())
    assert where == path
