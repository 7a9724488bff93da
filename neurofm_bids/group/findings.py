"""What a run says of the findings of its cohort: how many there are of each kind, and where they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

__all__ = ["findings_text"]


def findings_text(kinds: Iterable[str], file: str) -> str:
    """Return how many findings of each kind there are, and which file has them; empty for none.

    >>> findings_text(["duplicate", "possible_duplicate", "duplicate"], "review.tsv")
    'To review: 2 duplicates, 1 possible duplicate (see review.tsv)'
    """
    counts = Counter(kinds)
    words = [f"{n} {kind.replace('_', ' ')}{'s' if n > 1 else ''}" for kind, n in counts.items()]
    return f"To review: {', '.join(words)} (see {file})" if words else ""
