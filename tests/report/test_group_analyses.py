"""Tables of analyses that the group report prints; tests of the report look at them as HTML."""

from neurofm_bids.report.group_analyses import printed_analyses
from tests.report.cohort_tables import simulated


def test_tables_are_printed_in_their_sections():
    found = printed_analyses(simulated(40), {}, ())
    names = {one.name for section in found.values() for one in section}
    assert {"review", "drift"} <= names
    assert all(one.title for section in found.values() for one in section)
