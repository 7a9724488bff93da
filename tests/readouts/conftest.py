import pytest

from neurofm_bids.readouts.threads import one_thread


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    """Two threads that wait for each other on a busy machine are many times slower than one."""
    with one_thread():
        yield
