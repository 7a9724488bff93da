from threadpoolctl import threadpool_info

from neurofm_bids.readouts.threads import one_thread


def test_linear_algebra_has_one_thread():
    before = [library["num_threads"] for library in threadpool_info()]
    with one_thread():
        inside = [library["num_threads"] for library in threadpool_info()]
    assert set(inside) == {1}
    assert len(inside) >= len(before)
