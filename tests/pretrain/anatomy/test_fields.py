import pickle

import numpy as np
import pytest
import torch

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.pretrain.anatomy.fields import FIELDS, label_map_digest, load_anatomies, prepare_anatomy
from tests.pretrain.toy_head import VENTRICLES, toy_labels


def test_volumes_are_those_of_the_labels(anatomies):
    labels, anatomy = toy_labels(), anatomies[0]
    ventricles = np.isin(labels, VENTRICLES)
    tissue = (labels > 0) & ~ventricles & ~np.isin(labels, (24, 14))
    assert anatomy.lateral_ml == ventricles.sum() / 1000
    assert anatomy.brain_ml == tissue.sum() / 1000
    assert anatomy.cranium_ml > anatomy.brain_ml + anatomy.lateral_ml
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


def test_a_saved_anatomy_is_pickled_by_its_folder(anatomies):
    data = pickle.dumps(anatomies[0])
    assert len(data) < 2000
    assert np.array_equal(pickle.loads(data).fields, anatomies[0].fields)


def test_tensors_on_a_device_hold_the_arrays(anatomies):
    fields, tissues = anatomies[0].on(torch.device("cpu"))
    assert np.array_equal(fields, anatomies[0].fields)
    assert np.array_equal(tissues, anatomies[0].tissues)


def test_anatomies_are_prepared_once(maps, cache, anatomies, monkeypatch):
    prepared = prepare_anatomy(maps / "one.nii.gz")
    assert np.array_equal(prepared.fields, anatomies[0].fields)
    assert np.array_equal(prepared.tissues, anatomies[0].tissues)
    monkeypatch.setattr("neurofm_bids.pretrain.anatomy.fields.prepare_anatomy", None)
    loaded = load_anatomies(maps, cache)
    assert [a.name for a in loaded] == ["one", "two"]
    assert np.array_equal(loaded[0].fields, anatomies[0].fields)
    assert loaded[0].digest == label_map_digest(maps / "one.nii.gz")


def test_a_cache_that_cannot_be_written_is_reported(maps, tmp_path, anatomies, monkeypatch):
    monkeypatch.setattr("neurofm_bids.pretrain.anatomy.fields.prepare_anatomy", lambda path: anatomies[0])
    (tmp_path / "file").touch()
    with pytest.raises(NeuroFMError, match="cannot write the cache of label maps") as error:
        load_anatomies(maps, tmp_path / "file")
    assert error.value.code == Exit.CANT_CREATE
    assert "--cache" in error.value.fix
