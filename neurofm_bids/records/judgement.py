"""The judgement of a scan: ok, check or fail, with the reasons."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic.dataclasses import dataclass

from neurofm_bids.records.flag import Flag
from neurofm_bids.records.schema import RECORD

__all__ = ["STATUSES", "Judgement", "judge"]

STATUSES = ("ok", "check", "fail")


@dataclass(frozen=True, config=RECORD)
class Judgement:
    """Whether a scan can be used.

    Parameters
    ----------
    status
        ``ok``, ``check`` (inspect it when there is doubt) or ``fail`` (its numbers are left out of statistics
        of groups).
    reasons
        Sentences on what is wrong and what to look at, the serious ones first; none for ``ok``.
    """

    status: Literal["ok", "check", "fail"]
    reasons: tuple[str, ...] = ()


def judge(flags: Iterable[Flag]) -> Judgement:
    """Return the judgement that flags give: a serious one fails a scan, any other asks to check it.

    >>> judge([Flag("coarse_voxels", "The voxels are coarse", look="small structures")])
    Judgement(status='check', reasons=('The voxels are coarse. Look at small structures.',))
    >>> judge([]).status
    'ok'
    """
    ordered = sorted(flags, key=lambda flag: flag.severity != "serious")
    if not ordered:
        return Judgement("ok")
    status: Literal["check", "fail"] = "fail" if ordered[0].severity == "serious" else "check"
    return Judgement(status, tuple(_sentence(flag) for flag in ordered))


def _sentence(flag: Flag) -> str:
    return f"{flag.message}. Look at {flag.look}." if flag.look else f"{flag.message}."
