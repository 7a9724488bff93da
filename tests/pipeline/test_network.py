from dataclasses import replace

from neurofm_bids.config import Processing
from neurofm_bids.pipeline.network import device_type, load_encoder


def test_a_process_loads_the_network_once_for_equal_settings():
    encoder = load_encoder(Processing(device="cpu"))
    assert device_type(Processing(device="cpu")) == "cpu"
    assert load_encoder(Processing(device="cpu")) is encoder
    assert load_encoder(replace(Processing(device="cpu"), batch_size=2)) is not encoder
