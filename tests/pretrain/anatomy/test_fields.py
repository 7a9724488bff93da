import pickle

import numpy as np
import torch

from neurofm_bids.anatomy.regions import REGIONS
from neurofm_bids.pretrain.anatomy.fields import ARRAYS, FIELDS, load_anatomy, prepare_anatomy
from neurofm_bids.pretrain.anatomy.label_map import read_label_map
from tests.pretrain.toy_head import VENTRICLES, toy_labels


def test_volumes_are_those_of_the_labels(anatomies):
    labels, anatomy = toy_labels(), anatomies[0]
    ventricles = np.isin(labels, VENTRICLES)
    tissue = (labels > 0) & ~ventricles & ~np.isin(labels, (24, 14))
    assert np.isclose(anatomy.lateral_ml, ventricles.sum() / 1000, rtol=1e-6)
    assert np.isclose(anatomy.brain_ml, tissue.sum() / 1000, rtol=1e-6)
    assert anatomy.cranium_ml > anatomy.brain_ml + anatomy.lateral_ml
    assert np.isclose(anatomy.grid.volumes_ml.sum(), anatomy.cranium_ml, rtol=1e-6)
    volumes = dict(zip((r.name for r in REGIONS), anatomy.region_ml, strict=True))
    assert np.isclose(volumes["left_thalamus"], (labels == 10).sum() / 1000, rtol=1e-6)
    lateral = anatomy.fields[..., FIELDS.index("lateral")]
    assert (lateral > 0).sum() == ventricles.sum()


def test_the_sheet_of_a_sulcus_runs_between_its_banks(anatomies):
    fields = dict(zip(FIELDS, np.moveaxis(anatomies[0].fields, -1, 0), strict=True))
    deep_cortex = (fields["outer"] > 8) & (fields["core"] < 0)  # only the sulcus is so deep
    assert deep_cortex.sum() > 500
    near = fields["sulcus"][deep_cortex]
    assert near.min() == 0.5
    assert np.median(near) <= 2.5
    assert fields["sulcus"][(fields["core"] > 8) & (fields["lateral"] < -8)].min() > 4


def test_each_voxel_has_the_nearest_region_of_each_kind(anatomies, maps):
    labels = read_label_map(maps / "one-aparc.nii.gz")
    names = ("", *(r.name for r in REGIONS))
    nearest = anatomies[0].labels
    for kind, code, name in (
        ("core", 10, "left_thalamus"),
        ("core", 47, "right_cerebellar_cortex"),
        ("cortex", 2028, "right_frontal_cortex"),
        ("ventricles", 14, "third_ventricle"),
        ("ventricles", 31, "left_lateral_ventricle"),
    ):
        assert {names[n] for n in np.unique(nearest[kind][labels == code])} == {name}
    thalamus = nearest["ventricles"][labels == 10]  # beside the third and below the lateral ventricles
    assert {names[n] for n in np.unique(thalamus)} <= {
        "left_lateral_ventricle",
        "right_lateral_ventricle",
        "third_ventricle",
    }
    assert all(nearest[kind].min() > 0 for kind in nearest)


def test_a_saved_anatomy_is_pickled_by_its_folder(anatomies):
    data = pickle.dumps(anatomies[0])
    assert len(data) < 2000
    assert np.array_equal(pickle.loads(data).fields, anatomies[0].fields)


def test_tensors_on_a_device_hold_the_arrays(anatomies):
    tensors = anatomies[0].tensors(torch.device("cpu"))
    assert set(tensors) == set(ARRAYS)
    assert np.array_equal(tensors["fields"], anatomies[0].fields)
    assert np.array_equal(tensors["cortex"], anatomies[0].labels["cortex"])
    assert np.array_equal(tensors["inverse"], anatomies[0].grid.inverse)


def test_what_is_loaded_is_what_was_prepared(maps, anatomies, tmp_path):
    prepared = prepare_anatomy("one", read_label_map(maps / "one-aparc.nii.gz"))
    assert prepared.digest == "one"
    prepared.save(tmp_path)
    loaded, cpu = load_anatomy("one", tmp_path), torch.device("cpu")
    assert (loaded.digest, loaded.cranium_ml) == (tmp_path.name, prepared.cranium_ml)
    for name, array in prepared.tensors(cpu).items():
        assert torch.equal(array, loaded.tensors(cpu)[name]), name
        assert torch.equal(array, anatomies[0].tensors(cpu)[name]), name
