import os

import pytest

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.group.worker_pool import worker_pool


def test_processes_share_work_after_they_started():
    with worker_pool(2, "counted", os.chdir, "/") as pool:
        assert set(pool.map(os.path.realpath, ["a", "b", "c"])) == {"/a", "/b", "/c"}
        assert pool.submit(os.getpid).result() != os.getpid()


def test_a_killed_process_is_an_error():
    with (
        pytest.raises(NeuroFMError, match="a process that counted was killed") as error,
        worker_pool(1, "counted") as pool,
    ):
        pool.submit(os._exit, 1).result()
    assert error.value.code is Exit.SOFTWARE


def test_errors_of_the_work_are_raised():
    with pytest.raises(ZeroDivisionError), worker_pool(1, "counted") as pool:
        pool.submit(divmod, 1, 0).result()
