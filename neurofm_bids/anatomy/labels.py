"""Labels of the segmentation: codes and names of FreeSurfer."""

from __future__ import annotations

from dataclasses import dataclass

from neurofm_bids.anatomy.regions import STRUCTURES

__all__ = ["LABELS", "Label", "label_names", "volume_names"]

# FreeSurferColorLUT.txt, without sides
_NAMES = {
    0: "Unknown",
    2: "Cerebral-White-Matter",
    3: "Cerebral-Cortex",
    4: "Lateral-Ventricle",
    5: "Inf-Lat-Vent",
    7: "Cerebellum-White-Matter",
    8: "Cerebellum-Cortex",
    10: "Thalamus",
    11: "Caudate",
    12: "Putamen",
    13: "Pallidum",
    14: "3rd-Ventricle",
    15: "4th-Ventricle",
    16: "Brain-Stem",
    17: "Hippocampus",
    18: "Amygdala",
    24: "CSF",
    26: "Accumbens-area",
    28: "VentralDC",
    192: "Corpus_Callosum",
}
_SUMS = {3: "cerebral_cortex", 24: "csf"}  # labels that are not of one structure


@dataclass(frozen=True)
class Label:
    """What a voxel can be: codes of FreeSurfer on both sides, and the structures that are summed for it."""

    left: int
    right: int
    structures: tuple[int, ...] = ()


def _labels() -> tuple[Label, ...]:
    """Return background, CSF, the cortex of all lobes, and the other structures."""
    lobes = tuple(index for index, structure in enumerate(STRUCTURES) if structure.kind == "cortex")
    others = (
        Label(structure.left[0], (structure.right or structure.left)[0], (index,))
        for index, structure in enumerate(STRUCTURES)
        if index not in lobes
    )
    return (Label(0, 0), Label(24, 24), Label(3, 42, lobes), *others)


LABELS = _labels()


def label_names() -> dict[int, str]:
    """Return the name in FreeSurferColorLUT.txt of each code of :attr:`Segmentation.labels`.

    >>> label_names()[53], label_names()[16]
    ('Right-Hippocampus', 'Brain-Stem')
    """
    names = {label.left: _NAMES[label.left] for label in LABELS}
    sided = [label for label in LABELS if label.left != label.right]
    names |= {label.left: f"Left-{_NAMES[label.left]}" for label in sided}
    names |= {label.right: f"Right-{_NAMES[label.left]}" for label in sided}
    return dict(sorted(names.items()))


def volume_names() -> dict[str, tuple[str, str]]:
    """Return structure, as volumes are named, and side (or nothing) of each name in :func:`label_names`.

    >>> volume_names()["Right-VentralDC"], volume_names()["Left-Cerebral-Cortex"], volume_names()["CSF"]
    (('ventral_diencephalon', 'right'), ('cerebral_cortex', 'left'), ('csf', ''))
    """
    names, found = label_names(), {}
    for label in LABELS[1:]:
        one = len(label.structures) == 1
        structure = STRUCTURES[label.structures[0]].name if one else _SUMS[label.left]
        for code in dict.fromkeys((label.left, label.right)):
            side = "" if label.left == label.right else "left" if code == label.left else "right"
            found[names[code]] = (structure, side)
    return found
