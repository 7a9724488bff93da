from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.geometry import GRID_AFFINE
from neurofm_bids.pretrain.anatomy.label_map import find_label_maps, label_map_name, read_label_map
from tests.pretrain.toy_head import toy_labels


def save(labels, affine, path):
    nib.save(nib.Nifti1Image(labels.astype(np.int16), affine), path)
    return path


def without(labels, *codes):
    return np.where(np.isin(labels, codes), 0, labels)


@pytest.mark.parametrize(
    ("labels", "affine", "message"),
    [
        (toy_labels(), np.diag([2, 2, 2, 1.0]), "3 dimensions and voxels of 2x2x2 mm"),
        (toy_labels()[..., None], GRID_AFFINE, "4 dimensions"),
        (without(toy_labels(), 8, 47, 16), GRID_AFFINE, "no hindbrain"),
        (
            without(toy_labels(), *range(1000, 3000), 4, 43, 31),
            GRID_AFFINE,
            "no lateral ventricles, cerebral cortex",
        ),
    ],
)
def test_unusable_label_maps_are_refused(tmp_path, labels, affine, message):
    with pytest.raises(NeuroFMError, match=message):
        read_label_map(save(labels, affine, tmp_path / "map.nii.gz"))


def test_a_damaged_label_map_is_refused(tmp_path):
    (tmp_path / "map.nii.gz").write_bytes(b"no image")
    with pytest.raises(NeuroFMError, match="cannot read the label map"):
        read_label_map(tmp_path / "map.nii.gz")


def test_labels_are_lia_and_cropped_with_a_margin(tmp_path):
    labels = toy_labels()
    original = read_label_map(save(labels, GRID_AFFINE, tmp_path / "lia.nii.gz"))
    ras = nib.as_closest_canonical(nib.Nifti1Image(labels, GRID_AFFINE))
    nib.save(ras, tmp_path / "ras.nii.gz")
    assert np.array_equal(read_label_map(tmp_path / "ras.nii.gz"), original)
    brain = np.argwhere((original > 0) & (original != 24))
    assert brain.min(axis=0).tolist() == [16] * 3
    beyond = np.array(original.shape) - brain.max(axis=0)
    assert ((beyond >= 17) & (beyond < 21)).all()  # padded to a multiple of 4
    assert [n % 4 for n in original.shape] == [0] * 3


def test_label_maps_are_found_by_name(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, names in ((one, ("b.nii", "c.txt")), (two, ("a.mgz", "d.nii.gz"))):
        folder.mkdir()
        for name in names:
            (folder / name).touch()
    assert [path.name for path in find_label_maps((one, two))] == ["a.mgz", "b.nii", "d.nii.gz"]
    (one / "a.nii.gz").touch()
    with pytest.raises(NeuroFMError, match="two label maps are named a"):
        find_label_maps((one, two))


def test_every_folder_needs_label_maps(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.nii").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(NeuroFMError, match="no label maps in this folder") as error:
        find_label_maps((tmp_path / "full", tmp_path / "empty"))
    assert error.value.code == Exit.NO_INPUT
    assert error.value.where == tmp_path / "empty"


def test_names_are_those_of_files_without_extension():
    assert [label_map_name(Path(n)) for n in ("x/a.b.nii.gz", "a.mgz", "a.nii")] == ["a.b", "a", "a"]
