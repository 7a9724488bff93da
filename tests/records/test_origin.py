from dataclasses import replace

import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.records.origin import make_origin, one_origin, origin_of
from neurofm_bids.records.schema import from_json, to_json
from tests.norms.people import record_of, volumes_of

SETTINGS = {"views": 8, "template": "A", "anatomy_phases": 2, "no_anatomy": False}
WHOLE = make_origin(5, "aa", "bb", SETTINGS)


def test_settings_of_the_segmentation_count_only_with_one():
    assert WHOLE.parameters == {"views": 8, "template": "A", "anatomy_phases": 2}
    assert make_origin(5, "aa", None, SETTINGS).parameters == {"views": 8, "template": "A"}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, ""),
        ({"pipeline_version": 6}, "made by pipeline version 5, not 6"),
        ({"weights_sha256": "ab"}, "made with other weights of the model"),
        ({"anatomy_weights_sha256": "bc"}, "made with other weights of the segmentation"),
        ({"anatomy_weights_sha256": None, "parameters": {"views": 8}}, ""),
        ({"parameters": {"views": 8, "anatomy_phases": 8}}, "made with --anatomy-phases 2, not 8"),
        ({"parameters": {"views": 1, "template": "B"}}, "made with --template A, not B"),
    ],
)
def test_differences_are_named(changes, text):
    assert WHOLE.difference(replace(WHOLE, **changes)) == text


def test_the_origin_of_a_scan():
    record = record_of(volumes_of())
    origin = origin_of(record)
    assert origin.weights_sha256 == record.provenance.model.weights_sha256
    assert origin.anatomy_weights_sha256 == record.anatomy.weights_sha256
    assert origin.parameters == {"views": 8}
    assert origin_of(replace(record, anatomy=None)).anatomy_weights_sha256 is None
    assert from_json(type(origin), to_json(origin)) == origin


def test_a_scan_with_segmentation_stands_for_all():
    without = make_origin(5, "aa", None, SETTINGS)
    assert one_origin([without, WHOLE], "no") == WHOLE


def test_scans_that_were_made_differently_are_refused():
    with pytest.raises(NeuroFMError, match="it cannot be made from scans that were made differently: some"):
        one_origin([WHOLE, replace(WHOLE, weights_sha256="c")], "it cannot be made from")
