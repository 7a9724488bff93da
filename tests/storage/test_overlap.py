import threading

import pytest

from neurofm_bids.storage.overlap import overlapped


@pytest.mark.parametrize("count", [0, 1, 200, 201, 5000])
def test_results_are_in_the_order_of_the_items(count):
    assert list(overlapped(str, range(count))) == [str(i) for i in range(count)]


def test_many_items_are_looked_at_by_several_threads():
    both = threading.Barrier(2, timeout=60)
    assert set(overlapped(lambda item: both.wait() < 2, range(400))) == {True}


def test_errors_are_raised():
    with pytest.raises(ZeroDivisionError):
        list(overlapped(lambda item: 1 // (item - 700), range(1000)))
