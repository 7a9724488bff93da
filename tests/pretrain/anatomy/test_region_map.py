import numpy as np
import pytest

from neurofm_bids.anatomy.regions import REGIONS, STRUCTURES
from neurofm_bids.pretrain.anatomy.region_map import (
    CORTEX,
    LATERAL,
    VENTRICLES,
    mirrored,
    region_map,
    region_numbers,
)

NAMES = ("", *(region.name for region in REGIONS))


def names_of(*codes):
    """Return the names of the regions of voxels in a row, with parcels at both ends."""
    row = np.array([1028, *codes, 2028], dtype=np.int16)[:, None, None]
    return [NAMES[number] for number in region_map(row)[1:-1, 0, 0]]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (1028, "left_frontal_cortex"),
        (2011, "right_occipital_cortex"),
        (1035, "left_insula"),
        (2, "left_white_matter"),
        (78, "left_white_matter"),
        (25, "left_white_matter"),
        (41, "right_white_matter"),
        (57, "right_white_matter"),
        (17, "left_hippocampus"),
        (53, "right_hippocampus"),
        (8, "left_cerebellar_cortex"),
        (16, "brainstem"),
        (251, "corpus_callosum"),
        (255, "corpus_callosum"),
        (43, "right_lateral_ventricle"),
        (136, "left_lateral_ventricle"),
        (164, "right_inferior_lateral_ventricle"),
        (72, "third_ventricle"),
        (15, "fourth_ventricle"),
        (0, ""),
        (24, ""),
        (165, ""),
        (258, ""),
    ],
)
def test_codes_of_both_conventions(code, name):
    assert names_of(code) == [name]


def test_every_code_of_a_region_is_that_region():
    for number, region in enumerate(REGIONS, 1):
        structure = STRUCTURES[region.structure]
        codes = [
            c for c in (structure.right if region.side == "right" else structure.left) if c not in (31, 63)
        ]
        assert names_of(*codes) == [NAMES[number]] * len(codes)


def test_choroid_plexus_takes_the_nearest_part_of_its_ventricle():
    assert names_of(4, 31, 0, 0, 0, 31, 5, 44, 63, 2) == [
        "left_lateral_ventricle",
        "left_lateral_ventricle",
        "",
        "",
        "",
        "left_inferior_lateral_ventricle",
        "left_inferior_lateral_ventricle",
        "right_inferior_lateral_ventricle",
        "right_inferior_lateral_ventricle",
        "left_white_matter",
    ]


def test_cortex_without_parcel_takes_the_nearest_lobe_of_its_side():
    assert names_of(3, 2011, 3, 1011, 42) == [
        "left_frontal_cortex",
        "right_occipital_cortex",
        "left_occipital_cortex",
        "left_occipital_cortex",
        "right_frontal_cortex",
    ]


def test_hypointensities_of_white_matter_are_white_matter_even_next_to_a_ventricle():
    assert names_of(41, 11, 11, 77, 4, 2) == [
        "right_white_matter",
        *["left_caudate"] * 2,
        "left_white_matter",
        "left_lateral_ventricle",
        "left_white_matter",
    ]


def test_other_hypointensities_and_the_chiasm_take_the_nearest_tissue():
    assert names_of(2, 80, 4, 85, 0, 28) == [
        *["left_white_matter"] * 2,
        "left_lateral_ventricle",
        "left_ventral_diencephalon",
        "",
        "left_ventral_diencephalon",
    ]


def test_kinds_and_structures_have_numbers():
    assert [NAMES[n] for n in region_numbers("thalamus")] == ["left_thalamus", "right_thalamus"]
    assert len(CORTEX) == 12
    assert {NAMES[n] for n in LATERAL} < {NAMES[n] for n in VENTRICLES}
    assert len(VENTRICLES) == 6
    assert region_numbers("nose") == ()


def test_mirroring_swaps_the_sides_and_nothing_else():
    other = mirrored()
    assert np.array_equal(other[other], np.arange(len(REGIONS)))
    for region, number in zip(REGIONS, other, strict=True):
        assert REGIONS[number].structure == region.structure
        assert (REGIONS[number].side != region.side) == (region.side != "")
