import pytest

from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.group.source import Source
from tests.samples import scan_record


def source(root, name):
    return Source(Derivatives(root, "openS"), Covariates(root), "../out", name)


@pytest.mark.parametrize("session", [None, "a"])
def test_a_name_is_in_all_places_of_the_label(tmp_path, session):
    own = scan_record("01", session).scan
    one = source(tmp_path, "site")
    shown = one.in_cohort(own)
    middle = f"ses-{session}/" if session else ""
    stem = f"sub-site01{f'_ses-{session}' * bool(session)}"
    assert (shown.subject, shown.session, shown.stem) == ("site01", session, stem)
    assert shown.path == f"sub-site01/{middle}anat/{stem}_T1w.nii.gz"
    assert shown.entities["sub"] == "site01"
    assert one.in_dataset(shown) == own


def test_a_label_that_begins_with_the_name_is_kept(tmp_path):
    own = scan_record("site01").scan
    one = source(tmp_path, "site")
    assert one.in_cohort(own).subject == "sitesite01"
    assert one.in_dataset(one.in_cohort(own)) == own


def test_without_a_name_scans_stay(tmp_path):
    own = scan_record("01").scan
    one = source(tmp_path, "")
    assert one.in_cohort(own) is own
    assert one.in_dataset(own) is own
    assert one.shown("sub-01_run-1") == "sub-01_run-1"


def test_folders_of_a_dataset_are_renamed_too(tmp_path):
    assert source(tmp_path, "b").shown("sub-01/ses-1") == "sub-b01/ses-1"
