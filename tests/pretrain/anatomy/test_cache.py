import numpy as np
import pytest

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.pretrain.anatomy.cache import label_map_digest, load_anatomies
from neurofm_bids.pretrain.anatomy.fields import prepare_anatomy


def test_anatomies_are_prepared_once(maps, cache, anatomies, monkeypatch):
    prepared = prepare_anatomy(maps / "one.nii.gz")
    assert np.array_equal(prepared.fields, anatomies[0].fields)
    assert np.array_equal(prepared.tissues, anatomies[0].tissues)
    monkeypatch.setattr("neurofm_bids.pretrain.anatomy.cache.prepare_anatomy", None)
    loaded = load_anatomies(maps, cache)
    assert [a.name for a in loaded] == ["one", "two"]
    assert np.array_equal(loaded[0].fields, anatomies[0].fields)
    assert loaded[0].digest == label_map_digest(maps / "one.nii.gz")


def test_a_cache_that_cannot_be_written_is_reported(maps, tmp_path, anatomies, monkeypatch):
    monkeypatch.setattr("neurofm_bids.pretrain.anatomy.cache.prepare_anatomy", lambda path: anatomies[0])
    (tmp_path / "file").touch()
    with pytest.raises(NeuroFMError, match="cannot write the cache of label maps") as error:
        load_anatomies(maps, tmp_path / "file")
    assert error.value.code == Exit.CANT_CREATE
    assert "--cache" in error.value.fix
