import numpy as np
import pytest

from neurofm_bids.anatomy.labels import LABELS
from neurofm_bids.anatomy.regions import REGIONS, STRUCTURES
from neurofm_bids.pretrain.evaluation.protocols import (
    COMPARED,
    FREESURFER,
    NEUROMORPHOMETRICS,
    PROTOCOLS,
    detect_protocol,
    predicted_ml,
)

NAMES = ["", *COMPARED]
SIDES = {"left": 1, "right": -1, "": 0}


@pytest.mark.parametrize(
    ("protocol", "code", "name", "side"),
    [
        (FREESURFER, 3, "cortex", "left"),
        (FREESURFER, 42, "cortex", "right"),
        (FREESURFER, 2035, "cortex", "right"),
        (FREESURFER, 2, "white_matter", "left"),
        (FREESURFER, 253, "white_matter", ""),
        (FREESURFER, 77, "white_matter", ""),
        (FREESURFER, 53, "hippocampus", "right"),
        (FREESURFER, 8, "cerebellum", "left"),
        (FREESURFER, 46, "cerebellum", "right"),
        (FREESURFER, 5, "lateral_ventricle", "left"),
        (FREESURFER, 63, "lateral_ventricle", "right"),
        (FREESURFER, 14, "third_ventricle", ""),
        (FREESURFER, 24, "", ""),
        (FREESURFER, 0, "", ""),
        (NEUROMORPHOMETRICS, 101, "cortex", "left"),
        (NEUROMORPHOMETRICS, 206, "cortex", "right"),
        (NEUROMORPHOMETRICS, 47, "hippocampus", "right"),
        (NEUROMORPHOMETRICS, 72, "cerebellum", ""),
        (NEUROMORPHOMETRICS, 49, "lateral_ventricle", "right"),
        (NEUROMORPHOMETRICS, 46, "", ""),
    ],
)
def test_codes(protocol, code, name, side):
    labels = np.array([code])
    assert NAMES[protocol.structures(labels)[0]] == name
    assert protocol.sides(labels)[0] == SIDES[side]


@pytest.mark.parametrize("protocol", [FREESURFER, NEUROMORPHOMETRICS])
def test_no_code_has_two_meanings_and_no_structure_is_missing(protocol):
    groups = (protocol.left, protocol.right, protocol.middle)
    codes = [code for group in groups for members in group.values() for code in members]
    codes += protocol.fluid
    assert len(codes) == len(set(codes))
    assert {name for group in groups for name in group} == set(COMPARED)
    assert protocol.left.keys() == protocol.right.keys()


def test_all_labels_of_the_segmentation_are_compared():
    codes = np.array([code for label in LABELS if label.structures for code in (label.left, label.right)])
    assert FREESURFER.structures(codes).all()


def codes_of(protocol):
    groups = (protocol.left, protocol.right, protocol.middle)
    return np.array([0, *(code for group in groups for codes in group.values() for code in codes)])


@pytest.mark.parametrize("name", list(PROTOCOLS))
def test_a_protocol_is_detected_by_its_codes(name):
    codes = codes_of(PROTOCOLS[name])
    assert detect_protocol(codes) == name
    assert detect_protocol(np.concatenate([codes, codes[1:], np.full(len(codes) // 9, 2900)])) == name
    assert detect_protocol(np.concatenate([codes, np.full(len(codes), 2900)])) is None


@pytest.mark.parametrize("codes", [[0], [0, 1, 2, 3], [2, 41, 3, 42], [0, 1, 1, 1]])
def test_tissues_and_masks_are_of_no_protocol(codes):
    assert detect_protocol(np.array(codes)) is None


def test_volumes_of_labels():
    labels = np.array([0, 0, 17, 53, 53, 4, 15, 24, 80, 85])
    volumes = FREESURFER.volumes_ml(labels, 500.0)
    assert (volumes["hippocampus"], volumes["lateral_ventricle"], volumes["cortex"]) == (1.5, 0.5, 0.0)
    assert volumes["brain"] == 2.0  # three hippocampal voxels and one of hypointensities (80)


def test_volumes_of_regions():
    found = predicted_ml(np.arange(1.0, 43.0) * 1000)
    numbers = {region.name: number for number, region in enumerate(REGIONS, 1)}
    assert found["hippocampus"] == numbers["left_hippocampus"] + numbers["right_hippocampus"]
    assert found["third_ventricle"] == numbers["third_ventricle"]
    assert found["cortex"] == sum(range(1, 13))
    fluid = sum(n for n, r in enumerate(REGIONS, 1) if STRUCTURES[r.structure].kind == "ventricle")
    assert found["brain"] == 42 * 43 / 2 - fluid
    assert sum(found.values()) - found["brain"] == 42 * 43 / 2
