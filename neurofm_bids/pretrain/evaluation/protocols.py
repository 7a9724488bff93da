"""Protocols: which codes of a label image are which structure, so that protocols can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.anatomy.regions import REGIONS, STRUCTURES

__all__ = [
    "COMPARED",
    "FREESURFER",
    "HIGHEST_CODE",
    "NEUROMORPHOMETRICS",
    "PROTOCOLS",
    "Protocol",
    "detect_protocol",
    "predicted_ml",
]

_Codes = Mapping[str, tuple[int, ...]]
_ML = 1000.0
HIGHEST_CODE = 2999  # the parcels of FreeSurfer's cortex are the largest
_LEAST_KNOWN, _LEAST_STRUCTURES = 0.9, 8  # of the labelled voxels, and of the structures

# What all protocols have, and the structures of the network that are summed for it.
COMPARED = {
    "cortex": tuple(s.name for s in STRUCTURES if s.kind == "cortex"),
    "white_matter": ("white_matter", "corpus_callosum"),
    "thalamus": ("thalamus",),
    "caudate": ("caudate",),
    "putamen": ("putamen",),
    "pallidum": ("pallidum",),
    "hippocampus": ("hippocampus",),
    "amygdala": ("amygdala",),
    "accumbens": ("accumbens",),
    "ventral_diencephalon": ("ventral_diencephalon",),
    "cerebellum": ("cerebellar_cortex", "cerebellar_white_matter"),
    "brainstem": ("brainstem",),
    "lateral_ventricle": ("lateral_ventricle", "inferior_lateral_ventricle"),
    "third_ventricle": ("third_ventricle",),
    "fourth_ventricle": ("fourth_ventricle",),
}
_VENTRICLES = tuple(name for name in COMPARED if name.endswith("ventricle"))


@dataclass(frozen=True)
class Protocol:
    """Codes of a protocol.

    Parameters
    ----------
    left, right, middle
        Codes by name in :data:`COMPARED`.
    fluid
        Codes beside those of the ventricles that are not brain; 0 is not brain either.
    """

    left: _Codes
    right: _Codes
    middle: _Codes
    fluid: tuple[int, ...]

    def structures(self, labels: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Return the number of the structure in :data:`COMPARED`, from 1, or 0, of each voxel."""
        numbers = np.zeros(HIGHEST_CODE + 1, dtype=np.uint8)
        for codes in (self.left, self.right, self.middle):
            for name, members in codes.items():
                numbers[list(members)] = list(COMPARED).index(name) + 1
        return np.asarray(numbers[labels])

    def known_share(self, labels: NDArray[np.integer]) -> float:
        """Return the share of the labelled voxels whose code the protocol has."""
        labelled = np.count_nonzero(labels)
        known = np.count_nonzero(self.structures(labels)) + np.count_nonzero(np.isin(labels, self.fluid))
        return known / labelled if labelled else 0.0

    def sides(self, labels: NDArray[np.integer]) -> NDArray[np.int8]:
        """Return 1 on the left, -1 on the right and 0 where there are no sides."""
        sides = np.zeros(HIGHEST_CODE + 1, dtype=np.int8)
        for codes, side in ((self.left, 1), (self.right, -1)):
            sides[[code for members in codes.values() for code in members]] = side
        return np.asarray(sides[labels])

    def volumes_ml(self, labels: NDArray[np.integer], voxel_mm3: float) -> dict[str, float]:
        """Return volumes by name, and of the ``brain``: all labels but ventricles and other fluid."""
        counts = np.bincount(self.structures(labels).ravel(), minlength=len(COMPARED) + 1)
        volumes = {name: int(n) * voxel_mm3 / _ML for name, n in zip(COMPARED, counts[1:], strict=True)}
        inside = np.count_nonzero(~np.isin(labels, (0, *self.fluid))) * voxel_mm3 / _ML
        return {**volumes, "brain": inside - sum(volumes[name] for name in _VENTRICLES)}


def _freesurfer() -> Protocol:
    def codes(side: str, more: _Codes) -> dict[str, tuple[int, ...]]:
        found = {}
        for name, members in COMPARED.items():
            structures = [s for s in STRUCTURES if s.name in members and bool(s.right) == (side != "middle")]
            own = sum((s.right if side == "right" else s.left for s in structures), more.get(name, ()))
            if own:
                found[name] = own
        return found

    return Protocol(
        codes("left", {"cortex": (3,)}),
        codes("right", {"cortex": (42,)}),
        codes("middle", {"white_matter": (77,)}),  # hypointensities
        fluid=(24, 30, 62, 85),  # CSF, vessels and the optic chiasm
    )


FREESURFER = _freesurfer()
NEUROMORPHOMETRICS = Protocol(
    left={
        "cortex": tuple(range(101, 208, 2)),
        "white_matter": (45,),
        "thalamus": (60,),
        "caudate": (37,),
        "putamen": (58,),
        "pallidum": (56,),
        "hippocampus": (48,),
        "amygdala": (32,),
        "accumbens": (30,),
        "ventral_diencephalon": (62,),
        "cerebellum": (39, 41),
        "lateral_ventricle": (50, 52),
    },
    right={
        "cortex": tuple(range(100, 207, 2)),
        "white_matter": (44,),
        "thalamus": (59,),
        "caudate": (36,),
        "putamen": (57,),
        "pallidum": (55,),
        "hippocampus": (47,),
        "amygdala": (31,),
        "accumbens": (23,),
        "ventral_diencephalon": (61,),
        "cerebellum": (38, 40),
        "lateral_ventricle": (49, 51),
    },
    middle={
        "cerebellum": (71, 72, 73),
        "brainstem": (35,),
        "third_ventricle": (4,),
        "fourth_ventricle": (11,),
    },
    fluid=(15, 46),
)

PROTOCOLS = {"freesurfer": FREESURFER, "neuromorphometrics": NEUROMORPHOMETRICS}


def detect_protocol(labels: NDArray[np.integer]) -> str | None:
    """Return the name of the protocol that has the codes of a label image, None if no protocol does.

    It has those of 90 % of the labelled voxels, and eight structures of :data:`COMPARED` are there.
    """
    shares = {name: protocol.known_share(labels) for name, protocol in PROTOCOLS.items()}
    name = max(shares, key=lambda one: shares[one])
    present = np.unique(PROTOCOLS[name].structures(labels))
    fits = shares[name] >= _LEAST_KNOWN and np.count_nonzero(present) >= _LEAST_STRUCTURES
    return name if fits else None


def predicted_ml(volumes_mm3: NDArray[np.float64]) -> dict[str, float]:
    """Return volumes of :data:`COMPARED` and of the ``brain`` from those of the regions, (42,)."""
    by_structure = dict.fromkeys((s.name for s in STRUCTURES), 0.0)
    for region, volume in zip(REGIONS, volumes_mm3, strict=True):
        by_structure[STRUCTURES[region.structure].name] += float(volume) / _ML
    volumes = {name: sum(by_structure[m] for m in members) for name, members in COMPARED.items()}
    fluid = sum(volumes[name] for name in _VENTRICLES)
    return {**volumes, "brain": sum(by_structure.values()) - fluid}
