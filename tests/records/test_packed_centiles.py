import pytest

from neurofm_bids.records.centile import Centile
from neurofm_bids.records.columns import centile_row
from neurofm_bids.records.packed_centiles import pack_centiles

ITEMS = (
    Centile(
        "left_hippocampus", "measured", 3500.0, (3400.0, 3600.0), 3600.0, -0.5, 31.0, (25.0, 38.0), ("a",)
    ),
    Centile("csf", "measured", 0.0, None, notes=("a", "not_found")),
    Centile("brain_volume", "predicted", 1.2e6, None, 1.1e6, 1.0, 84.1, None, ("b", "a")),
)


@pytest.mark.parametrize("items", [ITEMS, ITEMS[:1], ITEMS[1:], ()])
def test_packed_centiles_are_the_centiles(items):
    packed = pack_centiles(items)
    assert tuple(packed) == items
    assert [packed[place] for place in range(len(packed))] == list(items)
    assert tuple(packed[1:]) == items[1:]
    assert pack_centiles(packed) is packed
    assert dict(packed.row()) == centile_row(items)
