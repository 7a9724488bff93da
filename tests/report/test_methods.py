import re
from dataclasses import replace

import pytest

from neurofm_bids.records.attribution import Attribution
from neurofm_bids.report.methods import (
    bibliography,
    methods_of,
    methods_text,
    plain_citations,
    references_of,
)
from tests.samples import PARAMETERS, scan_record

VERSIONS = dict.fromkeys(("neurofm-bids", "deepbet", "torch"), "9.9")


@pytest.mark.parametrize(
    ("changes", "present", "absent"),
    [
        ({}, ("[@deepbet]", "[@n4]", "mean of 8 passes"), ()),
        ({"template": "MNI152NLin6Asym"}, ("MNI152NLin6Asym [@mni6]",), ("mni2009c",)),
        ({"template": "MNI152NLin2009cAsym"}, ("MNI152NLin2009cAsym [@mni2009c]",), ("templateflow",)),
        ({"template": "OASIS30ANTs"}, ("OASIS30ANTs [@templateflow]",), ("mni",)),
        ({"skull_strip": "skip"}, ("already skull-stripped",), ("deepbet",)),
        ({"bias_correction": "none"}, ("No bias correction",), ("@n4",)),
        (
            {"encode_space": "native", "views": 1},
            ("own orientation", "a single pass", "in float32"),
            ("intervals",),
        ),
        (
            {"views": 16, "precision": "bfloat16"},
            ("mean of 16 passes", "rotations and shifts", "in bfloat16"),
            (),
        ),
        (
            {},
            ("volumes are compared with the norms of NOMIS [@nomis] at the measured",),
            ("predicted volumes",),
        ),
        (
            {"no_anatomy": True},
            ("predicted volumes are compared with the norms of NOMIS [@nomis] at all head sizes",),
            ("synthseg", "measured head size"),
        ),
        ({"no_anatomy": True, "model": "neurofm-s"}, (), ("nomis", "NOMIS")),
        ({"is_attributed": True}, ("integrated gradients [@sundararajan]",), ()),
    ],
)
def test_methods_and_references_are_of_what_was_run(changes, present, absent):
    how = {name: changes.get(name, value) for name, value in (("model", "open-s"), ("is_attributed", False))}
    parameters = {**PARAMETERS, **{name: value for name, value in changes.items() if name not in how}}
    text = methods_text(parameters, **how, notice="Notice.", versions=VERSIONS)
    assert all(words in text for words in present)
    assert not any(words in text for words in absent)
    keys = set(re.findall(r"@([a-z0-9]+)[\];]", text))
    defined = set(re.findall(r"^@\w+\{(\w+),", bibliography(parameters, **how), re.MULTILINE))
    assert keys == defined


def test_no_key_of_a_reference_is_left_in_a_page():
    text = methods_text(PARAMETERS, model="open-s", notice="Notice.", versions=VERSIONS)
    plain = plain_citations(text)
    assert "@" not in plain
    assert "(Gorgolewski 2016; Gorgolewski 2011)" in plain
    assert not re.search(r"\([^()]*\(", plain)  # none stands within other parentheses


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("N4 [@n4]", "N4 (Tustison 2010)"),
        ("[@n4;@mni6]", "(Tustison 2010; Grabner 2006)"),
        ("[@nobody]", "(@nobody)"),
        ("a@b, [x]", "a@b, [x]"),
    ],
)
def test_citations_of_author_and_year(text, plain):
    assert plain_citations(text) == plain


def test_scans_made_alike_are_described_once():
    made = replace(scan_record().provenance, parameters=PARAMETERS, software=VERSIONS)
    record = scan_record(provenance=made)
    once, references = methods_of([record])
    assert methods_of([record, record]) == (once, references)
    assert once.count("# Methods") == 1
    assert "sundararajan" not in once + references


def test_the_attribution_of_any_scan_is_described():
    made = replace(scan_record().provenance, parameters=PARAMETERS, software=VERSIONS)
    attributed = scan_record(
        provenance=made, attributions={"age": Attribution("Age", "year", 40.0, 35.0, 0.01, 0.05, 8)}
    )
    text, references = methods_of([scan_record(provenance=made), attributed])
    assert text.count("# Methods") == 1
    assert "(Sundararajan 2017)" in plain_citations(text)
    assert any(
        entry.startswith("Sundararajan, Mukund et al. (2017). Axiomatic attribution")
        and entry.endswith("PMLR, 70, 3319-3328.")
        for entry in references_of(references)
    )
