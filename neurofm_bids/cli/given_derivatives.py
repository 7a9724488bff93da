"""Derivatives of the command line: their names, whether they exist, and what their images are used for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from neurofm_bids.bids.derived import name_of
from neurofm_bids.bids.problems import folder_problem
from neurofm_bids.derivative_options import DERIVATIVES
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.named_path import NamedPath

__all__ = ["derivative_settings"]

_RESERVED = ("raw",)  # names in BIDS URIs of the outputs
_USERS = {"skull_strip": "--skull-strip", "bias_correction": "--bias-correction"}


def derivative_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the options that concern derivatives.

    Derivatives give the brain masks unless ``--skull-strip`` says otherwise.

    Parameters
    ----------
    given
        Values by field name, paths absolute.

    Raises
    ------
    NeuroFMError
        A folder does not exist, a name is used twice, or the options contradict each other.
    """
    derivatives = tuple(map(_named, given.get("derivatives", ())))
    chosen = {name: given[name] for name in _USERS if name in given}
    if derivatives:
        chosen.setdefault("skull_strip", DERIVATIVES)
    asking = [_USERS[name] for name, value in chosen.items() if value == DERIVATIVES]
    if asking and not derivatives:
        raise NeuroFMError(
            f"{asking[0]} derivatives needs --derivatives",
            fix="Add --derivatives NAME=PATH.",
            code=Exit.USAGE,
        )
    if derivatives and not asking:
        raise NeuroFMError(
            f"with --skull-strip {chosen['skull_strip']}, nothing is taken from --derivatives",
            fix="Leave out --skull-strip, or add --bias-correction derivatives.",
            code=Exit.USAGE,
        )
    _check(derivatives)
    return {**chosen, "derivatives": derivatives} if derivatives else chosen


def _named(derivative: NamedPath) -> NamedPath:
    return derivative if derivative.name else replace(derivative, name=name_of(derivative.path))


def _check(derivatives: Iterable[NamedPath]) -> None:
    known = set(_RESERVED)
    for derivative in derivatives:
        flag = f"--derivatives {derivative}"
        if derivative.name in known:
            raise NeuroFMError(
                f"the name {derivative.name} is used already",
                where=flag,
                fix="Give each derivative another name: NAME=PATH.",
                code=Exit.USAGE,
            )
        known.add(derivative.name)
        problem = folder_problem(derivative.path) if derivative.path.is_dir() else None
        if problem or not derivative.path.is_dir():
            what, fix = problem or ("the derivative was not found", "Check the path.")
            raise NeuroFMError(what, where=flag, fix=fix, code=Exit.NO_INPUT)
