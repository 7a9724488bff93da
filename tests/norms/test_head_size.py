from dataclasses import replace

import pytest

from neurofm_bids.norms.head_size import CRANIUM_PER_ETIV, HeadSize, etiv_ml, head_size
from tests.norms.people import record_of, volumes_of
from tests.samples import scan_record


def test_the_measured_head_is_that_of_the_norms():
    size = head_size(record_of(volumes_of(etiv=1500.0), interval=0.05))
    assert etiv_ml(size.ml) == pytest.approx(1500)
    assert size.limits == pytest.approx((0.95 * size.ml, 1.05 * size.ml))
    assert head_size(record_of(volumes_of())) == HeadSize(1420 * CRANIUM_PER_ETIV, None)


def test_heads_that_were_not_measured():
    assert head_size(scan_record()) is None
    assert head_size(record_of(volumes_of(), stripped=True)) is None
    assert head_size(record_of({**volumes_of(), "intracranial": 0.0})) is None
    record = record_of(volumes_of())
    others = {name: v for name, v in record.anatomy.volumes.items() if name != "intracranial"}
    assert head_size(replace(record, anatomy=replace(record.anatomy, volumes=others))) is None
