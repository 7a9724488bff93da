"""Which images of a session are processed where no filter asks for others: one T1w of each acquisition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from neurofm_bids.bids.entities import described
from neurofm_bids.bids.filters import Selector

__all__ = ["passed_over"]

_UNI = "UNIT1: there is a T1w image"
_ASK = ' (to process the UNIT1 image, add "suffix": "UNIT1" to the filter file)'


def passed_over(selected: Sequence[Path], listed: Sequence[Path], selector: Selector) -> dict[Path, str]:
    """Return the selected images that are not processed, and why.

    Parameters
    ----------
    selected
        Images that labels and filters select.
    listed
        All images of the same participants.
    selector
        What a filter of ``part``, ``inv``, ``echo`` or ``suffix`` asks for is processed.
    """
    images = {path: described(path.name) for path in {*selected, *listed}}
    t1w = {path for path in images if images[path]["suffix"] == "T1w" and not _parts(images[path])}
    having, processed = ({path.parent for path in t1w.intersection(paths)} for paths in (listed, selected))
    reasons = {}
    for path in selected:
        is_uni = images[path]["suffix"] == "UNIT1"
        unasked = [part for part in _parts(images[path]) if not selector.asks_for(*part.split("-", 1))]
        if unasked:
            reasons[path] = f"{unasked[0]}: not a T1w image by itself"
        elif is_uni and path.parent in having and not selector.asks_for("suffix", "UNIT1"):
            reasons[path] = _UNI if path.parent in processed else f"{_UNI}, which is not selected{_ASK}"
    echoes = _echoes({path: images[path] for path in selected if path not in reasons})
    asked = {path for path in echoes if selector.asks_for("echo", images[path]["echo"])}
    return reasons | {path: why for path, why in echoes.items() if path not in asked}


def _parts(image: Mapping[str, str]) -> list[str]:
    """Return what makes an image another one than the magnitude image of all inversions."""
    part = [f"part-{image['part']}"] if image.get("part", "mag") != "mag" else []
    return part + ([f"inv-{image['inv']}"] if "inv" in image else [])


def _echoes(images: Mapping[Path, Mapping[str, str]]) -> dict[Path, str]:
    """Return the echoes of which the first one, or an image of all, is processed."""
    groups: dict[tuple[object, ...], list[Path]] = {}
    for path in sorted(images, key=lambda path: (_number(images[path].get("echo", "")), path)):
        same = {key: value for key, value in images[path].items() if key not in {"echo", "extension"}}
        groups.setdefault((path.parent, *same.items()), []).append(path)
    reasons = {}
    for first, *others in groups.values():
        used = images[first].get("echo")
        for path in others:
            if (echo := images[path].get("echo")) != used:
                reasons[path] = (
                    f"echo-{echo}: {f'echo-{used}' if used else 'the image without echo-'} is used"
                )
    return reasons


def _number(echo: str) -> tuple[int, str]:
    return (int(echo) if echo.isdecimal() else len(echo) and 10**9), echo
