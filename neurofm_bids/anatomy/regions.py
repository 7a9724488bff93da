"""Regions of the brain, in the convention of FreeSurfer's segmentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["LOBES", "REGIONS", "STRUCTURES", "Region", "Structure"]

Kind = Literal["cortex", "white matter", "deep grey matter", "hindbrain", "ventricle"]


@dataclass(frozen=True)
class Structure:
    """A structure; those with two sides are two regions.

    Parameters
    ----------
    name
        Name in tables, in lower case with underscores.
    kind
        Kind of tissue.
    left, right
        Codes of FreeSurfer; the first is the one that is written. Without sides, ``right`` is empty.
        Lobes have the codes of parcels of the Desikan-Killiany atlas, ``1000 + n`` and ``2000 + n``.
    """

    name: str
    kind: Kind
    left: tuple[int, ...]
    right: tuple[int, ...] = ()


@dataclass(frozen=True)
class Region:
    """A structure on one side, or one without sides.

    Parameters
    ----------
    name
        Such as ``left_hippocampus`` or ``brainstem``.
    structure
        Index into :data:`STRUCTURES`.
    side
        ``left``, ``right`` or an empty string.
    """

    name: str
    structure: int
    side: Literal["left", "right", ""]


# Parcels of the Desikan-Killiany atlas; lobes as in FreeSurfer's ``--lobesStrict``.
LOBES = {
    "frontal_cortex": (3, 12, 14, 17, 18, 19, 20, 24, 27, 28, 32),
    "parietal_cortex": (8, 22, 25, 29, 31),
    "temporal_cortex": (1, 6, 7, 9, 15, 16, 30, 33, 34),
    "occipital_cortex": (5, 11, 13, 21),
    "cingulate_cortex": (2, 10, 23, 26),
    "insula": (35,),
}


def _lobe(name: str) -> Structure:
    parcels = LOBES[name]
    return Structure(name, "cortex", tuple(1000 + n for n in parcels), tuple(2000 + n for n in parcels))


STRUCTURES = (
    *(_lobe(name) for name in LOBES),
    Structure("white_matter", "white matter", (2, 78), (41, 79)),
    Structure("thalamus", "deep grey matter", (10,), (49,)),
    Structure("caudate", "deep grey matter", (11,), (50,)),
    Structure("putamen", "deep grey matter", (12,), (51,)),
    Structure("pallidum", "deep grey matter", (13,), (52,)),
    Structure("hippocampus", "deep grey matter", (17,), (53,)),
    Structure("amygdala", "deep grey matter", (18,), (54,)),
    Structure("accumbens", "deep grey matter", (26,), (58,)),
    Structure("ventral_diencephalon", "deep grey matter", (28,), (60,)),
    Structure("cerebellar_cortex", "hindbrain", (8,), (47,)),
    Structure("cerebellar_white_matter", "hindbrain", (7,), (46,)),
    Structure("brainstem", "hindbrain", (16,)),
    Structure("corpus_callosum", "white matter", (192, 251, 252, 253, 254, 255)),
    Structure("lateral_ventricle", "ventricle", (4, 31), (43, 63)),
    Structure("inferior_lateral_ventricle", "ventricle", (5,), (44,)),
    Structure("third_ventricle", "ventricle", (14, 72)),
    Structure("fourth_ventricle", "ventricle", (15,)),
)

REGIONS = tuple(
    Region(f"{side}_{structure.name}" if side else structure.name, index, side)
    for index, structure in enumerate(STRUCTURES)
    for side in (("left", "right") if structure.right else ("",))
)
