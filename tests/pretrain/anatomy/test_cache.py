import shutil

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.geometry import GRID_AFFINE
from neurofm_bids.pretrain.anatomy.cache import label_map_digests, load_anatomies
from neurofm_bids.pretrain.anatomy.label_map import read_label_map
from tests.pretrain.toy_head import toy_labels, without_parcels

CACHE = "neurofm_bids.pretrain.anatomy.cache"


def save(labels, path):
    nib.save(nib.Nifti1Image(labels, GRID_AFFINE), path)


def test_anatomies_are_prepared_once(maps, cache, anatomies, monkeypatch):
    monkeypatch.setattr(f"{CACHE}.prepare_anatomy", None)
    loaded = load_anatomies((maps,), cache)
    assert [a.name for a in loaded] == ["one-aparc", "two"]
    assert np.array_equal(loaded[0].fields, anatomies[0].fields)
    assert [a.digest for a in loaded] == list(label_map_digests((maps,)).values())


def test_maps_of_several_folders_are_sorted_by_name(maps, tmp_path):
    save(toy_labels(), tmp_path / "across.nii.gz")
    assert [path.name for path in label_map_digests((maps, tmp_path))] == [
        "across.nii.gz",
        "one-aparc.nii.gz",
        "two.nii.gz",
    ]


def test_maps_without_parcels_take_those_of_the_atlas(maps, tmp_path, anatomies, monkeypatch):
    """Of two maps, only the one without parcels is registered, and to the map with aparc in its name."""
    shutil.copy(maps / "one-aparc.nii.gz", tmp_path)
    save(without_parcels(toy_labels()), tmp_path / "plain.nii.gz")
    carried, prepared = [], {}
    monkeypatch.setattr(f"{CACHE}.carry_parcels", lambda *maps: carried.append(maps) or toy_labels())
    monkeypatch.setattr(
        f"{CACHE}.prepare_anatomy", lambda name, labels: prepared.update({name: labels}) or anatomies[0]
    )
    load_anatomies((tmp_path,), tmp_path / "cache")
    ((labels, atlas),) = carried
    assert np.array_equal(labels, read_label_map(tmp_path / "plain.nii.gz"))
    assert np.array_equal(atlas, read_label_map(maps / "one-aparc.nii.gz"))
    assert np.array_equal(prepared["one-aparc"], atlas)  # not changed
    assert np.array_equal(prepared["plain"], toy_labels())


def test_the_digest_depends_on_the_map_and_on_the_atlas(maps, tmp_path):
    def digests():
        return {path.name: digest for path, digest in label_map_digests((tmp_path,)).items()}

    for path in maps.iterdir():
        shutil.copy(path, tmp_path)
    first = digests()
    assert first == digests()
    save(without_parcels(toy_labels()), tmp_path / "two.nii.gz")
    second = digests()
    assert second["one-aparc.nii.gz"] == first["one-aparc.nii.gz"]
    assert second["two.nii.gz"] != first["two.nii.gz"]
    save(np.roll(toy_labels(), 1, axis=0), tmp_path / "one-aparc.nii.gz")
    assert digests()["two.nii.gz"] != second["two.nii.gz"]


def test_a_map_with_parcels_is_needed(tmp_path):
    save(toy_labels(), tmp_path / "one.nii.gz")
    with pytest.raises(NeuroFMError, match="no label map with parcels of the cortex") as error:
        label_map_digests((tmp_path,))
    assert error.value.code == Exit.NO_INPUT
    assert "aparc" in error.value.fix


def test_a_cache_that_cannot_be_written_is_reported(maps, tmp_path, anatomies, monkeypatch):
    monkeypatch.setattr(f"{CACHE}.prepare_anatomy", lambda name, labels: anatomies[0])
    (tmp_path / "file").touch()
    with pytest.raises(NeuroFMError, match="cannot write the cache of label maps") as error:
        load_anatomies((maps,), tmp_path / "file")
    assert error.value.code == Exit.CANT_CREATE
    assert "--cache" in error.value.fix
