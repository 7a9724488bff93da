"""One thread for linear algebra: sums of several threads differ in their last bits, and are slower here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["one_thread"]


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit the linear algebra of numpy and scipy, and the loops of scikit-learn, to one thread."""
    import scipy.linalg
    import sklearn.cluster
    from threadpoolctl import threadpool_limits

    # Each loads a library of its own, which the limit does not reach if loaded later.
    assert scipy.linalg
    assert sklearn.cluster
    with threadpool_limits(limits=1):
        yield
