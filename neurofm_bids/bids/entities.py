"""File names of images in a dataset: entities, suffix and extension."""

from __future__ import annotations

import re

__all__ = [
    "EXTENSIONS",
    "SUFFIXES",
    "described",
    "ending",
    "entities_of",
    "goes_on",
    "is_hidden",
    "is_image",
    "scan_stem",
]

SUFFIXES = ("T1w", "UNIT1")
EXTENSIONS = (".nii", ".nii.gz")

# All that is meant as one of these images; names that BIDS does not have are refused, not passed over.
_ANY_SUFFIX = "|".join(SUFFIXES)
_ANY_EXTENSION = r"(?:\.nii(?:\.(?:gz|bz2|xz|zst|zip))*)+|\.(?:mgz|mgh|img|mnc|nrrd|dcm)"
_MEANT = re.compile(rf".*({_ANY_SUFFIX})({_ANY_EXTENSION})\s*", re.IGNORECASE | re.DOTALL)
_GOES_ON = re.compile(
    rf"(?:.*[^a-z0-9-])?(?:{_ANY_SUFFIX}).+(?:{_ANY_EXTENSION})\s*", re.IGNORECASE | re.DOTALL
)
_ENDING = re.compile(r"(?:_(T1w|UNIT1))?(\.nii(?:\.gz)?|\.mgz)$")
_UNI = "UNIT1"  # in the names of outputs a reconstruction: T1w images may have the same entities
_BEFORE_REC = {"sub", "ses", "sample", "task", "tracer", "acq", "nuc", "voi", "ce", "trc", "stain"}


def is_image(name: str) -> bool:
    """Tell whether a file is meant as a T1w or UNIT1 image, even if its name is not valid, and is not hidden.

    >>> [is_image(f"sub-01_{end}") for end in ("T1w.nii.gz", "UNIT1.nii", "T1W.NII.GZ", "T1w.json")]
    [True, True, True, False]
    """
    return any(ending(name)) and not is_hidden(name)


def is_hidden(name: str) -> bool:
    """Tell whether a file is one that systems and editors keep for themselves, such as locks of Office.

    >>> [is_hidden(name) for name in ("._sub-01_T1w.nii.gz", "~$sub-01_T1w.nii.gz", "sub-01_T1w.nii.gz")]
    [True, True, False]
    """
    return name.startswith((".", "~$"))


def goes_on(name: str) -> bool:
    """Tell whether the name of an image goes on after T1w or UNIT1, which no valid name does.

    >>> [goes_on(f"sub-01_{end}.nii.gz") for end in ("T1w_defaced", "T1w", "mod-T1w_defacemask")]
    [True, False, False]
    """
    return not (is_image(name) or is_hidden(name)) and _GOES_ON.fullmatch(name) is not None


def ending(name: str) -> tuple[str, str]:
    """Return suffix and extension of an image as they are written; both are empty for other files.

    >>> ending("sub-01_T1W.NII.gz")
    ('T1W', '.NII.gz')
    """
    match = _MEANT.fullmatch(name)
    return (match[1], match[2]) if match else ("", "")


def scan_stem(name: str) -> str:
    """Return what the names of a scan's outputs begin with: its entities, to which UNIT1 adds ``rec-UNIT1``.

    >>> scan_stem("sub-01_run-2_T1w.nii.gz"), scan_stem("sub-01_run-2_UNIT1.nii"), scan_stem("head.mgz")
    ('sub-01_run-2', 'sub-01_rec-UNIT1_run-2', 'head')
    """
    match = _ENDING.search(name)
    stem = name[: match.start()] if match else name
    return _as_reconstruction(stem) if match and match[1] == _UNI else stem


def _as_reconstruction(stem: str) -> str:
    parts = stem.split("_")
    place = next((i for i, part in enumerate(parts) if part.partition("-")[0] not in _BEFORE_REC), len(parts))
    if parts[place:] and parts[place].startswith("rec-"):
        parts[place] += _UNI
    else:
        parts.insert(place, f"rec-{_UNI}")
    return "_".join(parts)


def entities_of(stem: str) -> dict[str, str]:
    """Return the key and value pairs in a name.

    >>> entities_of("sub-01_run-2")
    {'sub': '01', 'run': '2'}
    """
    return {key: value for key, _, value in (part.partition("-") for part in stem.split("_"))}


def described(name: str) -> dict[str, str]:
    """Return the entities, suffix and extension of an image from its name, or from the stem of its outputs.

    A stem has no extension.

    >>> described("sub-01_UNIT1.nii.gz")
    {'sub': '01', 'suffix': 'UNIT1', 'extension': 'nii.gz'}
    >>> described("sub-01_rec-UNIT1_T1w.nii.gz")
    {'sub': '01', 'rec': 'UNIT1', 'suffix': 'T1w', 'extension': 'nii.gz'}
    >>> described("sub-01_rec-UNIT1")
    {'sub': '01', 'suffix': 'UNIT1'}
    """
    stem, _, extension = name.partition(".")
    entities = {key: value for key, value in entities_of(stem).items() if value}
    if extension:
        is_uni = _UNI.lower() in stem.lower().split("_")
        return {**entities, "suffix": _UNI if is_uni else "T1w", "extension": extension.lower()}
    reconstruction = entities.pop("rec", "")
    kept = reconstruction.removesuffix(_UNI)
    suffix = "T1w" if kept == reconstruction else _UNI
    return {**entities, **({"rec": kept} if kept else {}), "suffix": suffix}
