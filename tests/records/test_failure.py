from neurofm_bids.errors import Exit
from neurofm_bids.records.failure import Failure
from neurofm_bids.records.schema import from_text, to_text

FAILURE = Failure(
    "sub-01/anat/sub-01_T1w.nii", "01", "sub-01", "registration", "no", "Look.", "trace", Exit.IO
)


def test_a_failure_survives_its_text():
    assert from_text(Failure, to_text(FAILURE, Failure)) == FAILURE


def test_row_of_the_table_of_failures():
    assert FAILURE.row() == {
        "scan": "sub-01/anat/sub-01_T1w.nii",
        "step": "registration",
        "reason": "no",
        "fix": "Look.",
    }
