"""Declared outputs."""

from neurofm_bids.bids.names import GROUP_OUTPUTS, SCAN_OUTPUTS, descriptions, ignored


def test_each_declared_output_has_a_name_of_its_own():
    endings = [output.ending for output in SCAN_OUTPUTS.values()]
    assert len({*endings}) == len(endings)
    assert len({*GROUP_OUTPUTS.values()}) == len(GROUP_OUTPUTS)


def test_names_that_bids_has_no_rule_for_are_ignored():
    patterns = ignored()
    assert "group_*" in patterns
    assert "*_features.*" in patterns
    assert not any(pattern.startswith("*_mask") for pattern in patterns)


def test_entities_of_names_are_explained():
    assert (
        descriptions("openS", "MNI", "open-s")["desc-openS"]
        == "NeuroFM features and predictions of the model open-s"
    )
