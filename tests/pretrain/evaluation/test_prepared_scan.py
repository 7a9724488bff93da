import nibabel as nib
import numpy as np

from neurofm_bids.pretrain.evaluation.prepared_scan import prepare
from neurofm_bids.storage.atomic import write_json
from neurofm_bids.storage.text import read_json
from tests.pretrain.evaluation.phantom import RIGID, phantom


def test_the_matrix_leads_from_the_image_to_the_volume(tmp_path, runs):
    source = tmp_path / "T1w.nii.gz"
    nib.save(phantom()[0], source)
    prepared = prepare(source, tmp_path / "work", stability=False)
    np.testing.assert_array_equal(prepared.rigid, RIGID)
    assert (prepared.mask_ml, prepared.other_masks) == (1400.0, ())
    volume = prepared.volume()
    assert (volume.shape, volume.dtype) == ((256, 256, 256), np.float32)
    centre = nib.affines.apply_affine(RIGID @ phantom()[0].affine, [36, 36, 36])
    voxel = nib.affines.apply_affine(np.linalg.inv(nib.load(prepared.folder / "given.nii.gz").affine), centre)
    ventricle = np.argwhere(np.logical_and(volume > 50, volume < 200))
    near = ventricle[np.linalg.norm(ventricle - voxel, axis=1) < 15]
    np.testing.assert_allclose(near.mean(axis=0), voxel, atol=0.5)


def test_a_scan_is_prepared_once(tmp_path, runs):
    source, work = tmp_path / "T1w.nii.gz", tmp_path / "work"
    nib.save(phantom()[0], source)
    for stability, count in ((False, 1), (False, 1), (True, 2), (False, 2)):
        prepared = prepare(source, work, stability=stability)
        assert len(runs) == count
    assert sorted(prepared.other_masks) == ["csf-free", "loose", "tight"]
    assert np.count_nonzero(prepared.volume("loose")) > np.count_nonzero(prepared.volume())
    nib.save(phantom()[1], source)
    prepare(source, work, stability=False)
    assert len(runs) == 3


def test_volumes_without_a_matrix_are_made_again(tmp_path, runs):
    source, work = tmp_path / "T1w.nii.gz", tmp_path / "work"
    nib.save(phantom()[0], source)
    prepare(source, work, stability=False)
    record = read_json(work / "prepared.json")
    write_json(work / "prepared.json", {k: v for k, v in record.items() if k != "T1wToTemplate"})
    prepare(source, work, stability=False)
    assert len(runs) == 2
