"""What a run says of the findings of its cohort."""

from neurofm_bids.group.findings import findings_text


def test_findings_are_counted_by_kind():
    text = findings_text(["duplicate", "swap", "duplicate"], "review.tsv")
    assert text == "To review: 2 duplicates, 1 swap (see review.tsv)"
    assert findings_text([], "review.tsv") == ""
