"""Whether a readout can be applied."""

from dataclasses import replace

import pytest

from neurofm_bids.readouts.compatibility import refusal
from neurofm_bids.records.origin import Origin
from tests.readouts.made import made_readout

OWN = Origin(6, "a" * 64, "b" * 64, {"views": 8, "anatomy_phases": 2})
LATENT = made_readout(origin=OWN)
REGIONAL = made_readout(origin=OWN, feature_set="regional", features=("brain", "csf"))


@pytest.mark.parametrize(
    ("readout", "changes", "why"),
    [
        (LATENT, {}, ""),
        (REGIONAL, {}, ""),
        (LATENT, {"anatomy_weights_sha256": "c" * 64, "parameters": {"views": 8, "anatomy_phases": 8}}, ""),
        (LATENT, {"anatomy_weights_sha256": None, "parameters": {"views": 8}}, ""),
        (REGIONAL, {"anatomy_weights_sha256": "c" * 64}, "made with other weights of the segmentation"),
        (REGIONAL, {"anatomy_weights_sha256": None}, "it needs the volumes of regions, and the brain is not"),
        (REGIONAL, {"parameters": {"views": 8, "anatomy_phases": 8}}, "made with --anatomy-phases 2, not 8"),
        (LATENT, {"parameters": {"views": 1}}, "its features were made with --views 8, not 1"),
        (LATENT, {"weights_sha256": "d" * 64}, "its features were made with other weights of the model"),
        (LATENT, {"pipeline_version": 7}, "its features were made by pipeline version 6, not 7"),
    ],
)
def test_what_was_made_otherwise_is_refused(readout, changes, why):
    said = refusal(readout, replace(OWN, **changes))
    assert why in said
    assert bool(said) is bool(why)
