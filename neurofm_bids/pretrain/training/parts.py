"""Parts of a training: the label maps and the version of the generator may change when it is resumed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neurofm_bids.errors import Exit, NeuroFMError

__all__ = ["with_part"]


def with_part(
    parts: Sequence[Mapping[str, Any]], step: int, generator: str, maps: Mapping[str, str], *, where: Path
) -> list[Mapping[str, Any]]:
    """Return the parts of a training that goes on from a step; a new one begins if something changed.

    Parameters
    ----------
    parts
        Of the training so far: ``from_step``, ``generator`` and ``maps`` of each.
    step
        Number of the steps done.
    generator
        Version of the generator from now on.
    maps
        Names and digests of the label maps from now on.
    where
        The checkpoint, for the error.

    Raises
    ------
    NeuroFMError
        A label map of the last part is no longer there.

    Examples
    --------
    >>> first = with_part([], 0, "1", {"one": "a"}, where=Path("checkpoint"))
    >>> [part["from_step"] for part in with_part(first, 50, "1", {"one": "a"}, where=Path("checkpoint"))]
    [0]
    >>> both = {"one": "a", "two": "b"}
    >>> [part["from_step"] for part in with_part(first, 50, "1", both, where=Path("checkpoint"))]
    [0, 50]
    """
    missing = sorted(parts[-1]["maps"].keys() - maps) if parts else []
    if missing:
        raise NeuroFMError(
            f"the training in this folder also used {', '.join(missing)}",
            where=where,
            fix="Give all its label maps (others may be added), or use a new folder.",
            code=Exit.USAGE,
        )
    earlier = [part for part in parts if part["from_step"] < step]
    part = {"from_step": step, "generator": generator, "maps": dict(maps)}
    same = bool(earlier) and {**earlier[-1], "from_step": step} == part
    return earlier if same else [*earlier, part]
