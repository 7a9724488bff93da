from neurofm_bids.records.centile import REASONS, UNKNOWN, Centile
from neurofm_bids.records.dictionary import centile_columns


def test_keys_tell_measured_and_predicted_volumes_apart():
    assert Centile("brain", "measured", 1.0, None).key == "brain"
    assert Centile("brain_volume", "predicted", 1.0, None).key == "predicted_brain_volume"
    assert UNKNOWN.reason in REASONS


def test_every_reason_is_explained():
    levels = centile_columns()["centile_notes"]["Levels"]
    explained = {name for name, text in levels.items() if text.startswith("No centile: ")}
    assert explained == REASONS
