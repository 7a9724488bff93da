"""Which images of a session are processed where no filter asks for others: one T1w of each acquisition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from neurofm_bids.bids.entities import described
from neurofm_bids.bids.filters import Selector

__all__ = ["passed_over"]

_UNI = "UNIT1: there is a T1w image"
_ASK = ' (to process the UNIT1 image, add "suffix": "UNIT1" to the filter file)'


def passed_over(selected: Sequence[Path], usable: Sequence[Path], selector: Selector) -> dict[Path, str]:
    """Return the selected images that are not processed, and why.

    Parameters
    ----------
    selected
        Images that labels and filters select.
    usable
        All images of the same participants whose names are valid: no other is processed instead of one.
    selector
        What a filter of ``part``, ``inv``, ``echo`` or ``suffix`` asks for is processed.
    """
    images = {path: described(path.name) for path in {*selected, *usable}}
    t1w = {path for path in usable if images[path]["suffix"] == "T1w" and not _parts(images[path])}
    having, processed = ({path.parent for path in t1w.intersection(paths)} for paths in (usable, selected))
    reasons = {}
    for path in selected:
        is_uni = images[path]["suffix"] == "UNIT1"
        unasked = [part for part in _parts(images[path]) if not selector.asks_for(*part.split("-", 1))]
        if unasked:
            reasons[path] = f"{unasked[0]}: not a T1w image by itself"
        elif is_uni and path.parent in having and not selector.asks_for("suffix", "UNIT1"):
            reasons[path] = _UNI if path.parent in processed else f"{_UNI}, which is not selected{_ASK}"
    candidates = set(selected).intersection(usable).difference(reasons)
    echoes = _echoes({path: images[path] for path in candidates})
    asked = {path for path in echoes if selector.asks_for("echo", images[path]["echo"])}
    return reasons | {path: why for path, why in echoes.items() if path not in asked}


def _parts(image: Mapping[str, str]) -> list[str]:
    """Return what makes an image another one than the magnitude image of all inversions."""
    part = [f"part-{image['part']}"] if image.get("part", "mag") != "mag" else []
    return part + ([f"inv-{image['inv']}"] if "inv" in image else [])


def _echoes(images: Mapping[Path, Mapping[str, str]]) -> dict[Path, str]:
    """Return the echoes of which an image of all, reconstructed in any way, or the first one is processed."""
    groups: dict[tuple[object, ...], list[Path]] = {}
    for path in sorted(images, key=lambda path: (_number(images[path].get("echo", "")), path)):
        groups.setdefault((path.parent, *_acquisition(images[path])), []).append(path)
    reasons = {}
    for paths in groups.values():
        first = {images[path].get("rec"): images[path].get("echo") for path in reversed(paths)}
        for path in paths:
            echo, used = images[path].get("echo"), first[images[path].get("rec")]
            if None in first.values() and echo:
                reasons[path] = f"echo-{echo}: the image without echo- is used"
            elif echo != used:
                reasons[path] = f"echo-{echo}: echo-{used} is used"
    return reasons


def _acquisition(image: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return what images of one acquisition have in common, whatever their echo and reconstruction."""
    kept = {key: value for key, value in image.items() if key not in {"echo", "rec", "extension"}}
    return sorted(item for item in kept.items() if item != ("part", "mag"))


def _number(echo: str) -> tuple[int, str]:
    return (int(echo) if echo.isdecimal() else len(echo) and 10**9), echo
