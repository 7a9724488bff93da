import subprocess
import sys

from threadpoolctl import threadpool_info, threadpool_limits

from neurofm_bids.readouts.threads import one_thread

CODE = """
from threadpoolctl import threadpool_info, threadpool_limits
import numpy
from neurofm_bids.readouts.threads import one_thread
with one_thread():
    import scipy.optimize
    print(max(library["num_threads"] for library in threadpool_info()))
"""


def test_linear_algebra_has_one_thread():
    with threadpool_limits(2):
        with one_thread():
            inside = {library["num_threads"] for library in threadpool_info()}
        after = {library["num_threads"] for library in threadpool_info()}
    assert (inside, after) == ({1}, {2})


def test_libraries_that_are_loaded_later_have_one_too():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
