from pathlib import Path

import pytest

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.pretrain.training.parts import with_part

WHERE = Path("checkpoint")
FIRST = {"from_step": 0, "generator": "1", "maps": {"one": "a"}}


def test_a_training_that_goes_on_as_before_has_no_new_part():
    assert with_part([], 0, "1", {"one": "a"}, where=WHERE) == [FIRST]
    assert with_part([FIRST], 50, "1", {"one": "a"}, where=WHERE) == [FIRST]


@pytest.mark.parametrize(
    ("generator", "maps"), [("2", {"one": "a"}), ("1", {"one": "b"}), ("1", {"one": "a", "two": "b"})]
)
def test_what_changed_begins_a_part(generator, maps):
    part = {"from_step": 50, "generator": generator, "maps": maps}
    assert with_part([FIRST], 50, generator, maps, where=WHERE) == [FIRST, part]


def test_a_part_without_steps_is_replaced():
    other = {"from_step": 50, "generator": "2", "maps": {"one": "a"}}
    assert with_part([FIRST, other], 50, "3", {"one": "a"}, where=WHERE)[1:] == [{**other, "generator": "3"}]
    assert with_part([FIRST, other], 50, "1", {"one": "a"}, where=WHERE) == [FIRST]


def test_label_maps_cannot_be_left_out():
    with pytest.raises(NeuroFMError, match="also used one") as error:
        with_part([FIRST], 50, "1", {"two": "b"}, where=WHERE)
    assert (error.value.code, error.value.where) == (Exit.USAGE, WHERE)
