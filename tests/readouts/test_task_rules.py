import pytest

from neurofm_bids.readouts.task_rules import broken_rules

GOOD = {"name": "a", "domain": "clinical", "kind": "multiclass", "target": "y"}


@pytest.mark.parametrize(
    ("more", "keys"),
    [
        ({}, []),
        ({"name": "1"}, ["name"]),
        ({"domain": "x", "kind": "y"}, ["domain", "kind"]),
        ({"units": "mm"}, ["units"]),
        ({"kind": "time-to-event"}, [""]),
        ({"leave_site_out": True}, ["leave_site_out"]),
        ({"leave_site_out": True, "site": "s"}, []),
        ({"classes": ()}, ["classes"]),
        ({"kind": "binary", "classes": ("a", "b"), "positive": "c"}, ["positive"]),
    ],
)
def test_broken_rules_name_the_key(more, keys):
    assert [key for key, *_ in broken_rules({**GOOD, **more})] == keys
