from dataclasses import replace

import numpy as np

from neurofm_bids.group.alike import Alike, most_common
from neurofm_bids.group.entry import about
from neurofm_bids.records.cohort import Member
from neurofm_bids.records.scan import DerivedImage
from tests.samples import scan_record


def alike(size, *subjects):
    """Scans with one number of features."""
    made = Alike()
    for subject in subjects:
        add(made, scan_record(subject), size)
    return made


def add(made, record, size=4):
    member = Member(record.scan, {}, {}, {}, acquisition={}, flags=(), out_of_range=())
    made.add(member, np.zeros(size, np.float32), about(record))


def test_the_most_common_number_of_features_counts():
    usual, odd = most_common({4: alike(4, "01", "02"), 6: alike(6, "03")})
    assert [member.scan.stem for member, _ in usual.members] == ["sub-01", "sub-02"]
    assert odd == {"sub-03": "6 features where the other scans have 4"}
    assert most_common({}) == (None, {})


def test_differences_name_what_differs():
    made = alike(4, "01", "02")
    assert made.differences() == ()
    other = scan_record("03").provenance
    model = replace(other.model, weights_sha256="cd" * 32)
    add(made, scan_record("03", provenance=replace(other, model=model, pipeline_version=7)))
    weights, versions = made.differences()
    assert weights.startswith(
        "The scans were not all made with the same weights (2 with abababababab, 1 with cdcd"
    )
    assert "pipeline version of NeuroFM-BIDS (2 with 1, 1 with 7)" in versions


def test_masks_of_different_programs_are_named():
    made = alike(4, "01")
    for subject, tool in (("02", "fMRIPrep 1"), ("03", "FastSurfer"), ("04", "")):
        derived = (DerivedImage("mask", "given", f"sub-{subject}/mask.nii", tool, None),)
        add(made, scan_record(subject, derived=derived))
    (masks,) = made.differences()
    assert "masks of other programs (1 with FastSurfer, 1 with fMRIPrep 1, 1 with given)" in masks
