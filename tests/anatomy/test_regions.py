"""Regions: names and codes of FreeSurfer."""

from neurofm_bids.anatomy.regions import LOBES, REGIONS, STRUCTURES


def test_each_code_belongs_to_one_structure_and_side():
    codes = [code for s in STRUCTURES for code in (*s.left, *s.right)]
    assert len(codes) == len(set(codes))


def test_the_lobes_take_all_34_parcels_of_the_atlas_once():
    parcels = sorted(n for lobe in LOBES.values() for n in lobe)
    assert parcels == [n for n in range(1, 36) if n != 4]  # 4 is the corpus callosum


def test_regions_are_structures_with_their_sides():
    names = [r.name for r in REGIONS]
    assert len(names) == len(set(names)) == 42
    assert names[names.index("left_hippocampus") + 1] == "right_hippocampus"
    assert all(STRUCTURES[r.structure].right or r.side == "" for r in REGIONS)
    by_name = {r.name: STRUCTURES[r.structure] for r in REGIONS}
    assert by_name["left_hippocampus"].left == (17,)
    assert by_name["right_hippocampus"].right == (53,)
    assert by_name["brainstem"].left == (16,)
