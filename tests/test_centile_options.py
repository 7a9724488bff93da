from neurofm_bids.centile_options import Centiles
from neurofm_bids.config import GROUPS
from neurofm_bids.option import options_of


def test_by_default_the_published_norms_are_used_and_nothing_is_made():
    options = Centiles()
    assert (options.reference, options.make_reference, options.reference_participants) == (None, None, ())


def test_no_option_makes_scans_be_processed_again():
    assert GROUPS["centiles"] is Centiles
    assert not any(declared.changes_results for _, declared in options_of(Centiles))
