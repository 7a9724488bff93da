import json
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.pipeline.hand_over import (
    handed_over_path,
    has_leftovers,
    read_hand_over_failure,
    read_signature,
    remove_hand_over,
    remove_unfinished,
    signature_path,
    waiting_scans,
    write_hand_over,
    write_hand_over_failure,
)
from neurofm_bids.pipeline.step import IMAGE, record
from neurofm_bids.records.failure import Failure
from neurofm_bids.records.scan import DerivedImage, Input

KINDS = {
    "t1w": IMAGE,
    "input": record(Input | None),
    "derived": record(tuple[DerivedImage, ...]),
    "numbers": record(dict[str, float | None]),
}
FAILURE = Failure("sub-01/anat/x", "01", "sub-01", "registration", "no overlap", "Look.")
SOURCE = Input("ab", 3, 2**62 + 1)


def values(seed=0):
    data = np.random.default_rng(seed).normal(size=(5, 6, 7)).astype(np.float32)
    affine = np.diag([1.1, 1.2, 1.3, 1]).astype(float)
    return {
        "t1w": nib.Nifti1Image(data, affine),
        "input": SOURCE,
        "derived": (),
        "numbers": {"a": 1 / 3, "b": None},
    }


def write(folder, seed=0):
    return write_hand_over(
        folder, values(seed), KINDS, pipeline_version=7, parameters={"template": "T", "skull_strip": "auto"}
    )


def test_values_are_read_as_they_were_and_written_with_the_same_bytes(tmp_path):
    path = write(tmp_path / "interim/sub-01")
    write(tmp_path / "interim/sub-02")
    assert path == signature_path(tmp_path / "interim/sub-01")
    made = values()
    for name, kind in KINDS.items():
        file = handed_over_path(path.parent, name, kind)
        assert file.read_bytes() == handed_over_path(tmp_path / "interim/sub-02", name, kind).read_bytes()
        read = kind.load(file)
        if name != "t1w":
            assert read == made[name]
        else:
            assert np.array_equal(read.dataobj, made[name].dataobj)
            np.testing.assert_allclose(read.affine, made[name].affine, rtol=1e-7)
    assert waiting_scans(tmp_path / "interim") == {"sub-01", "sub-02"}


def test_the_signature_says_of_what_a_scan_was_preprocessed(tmp_path):
    folder = tmp_path / "interim/sub-01"
    assert read_signature(folder) is None
    write(folder)
    made = read_signature(folder)
    assert (made.pipeline_version, made.input, made.derived) == (7, SOURCE, ())
    assert made.parameters == {"template": "T", "skull_strip": "auto"}
    assert set(made.sizes) == {"t1w.nii.gz", "input.json", "derived.json", "numbers.json"}


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda folder: (folder / "t1w.nii.gz").unlink(), FileNotFoundError),
        (lambda folder: (folder / "t1w.nii.gz").write_bytes(b"x"), ValueError),
        (lambda folder: signature_path(folder).write_text("{"), ValueError),
        (lambda folder: signature_path(folder).write_text("{}"), NeuroFMError),
    ],
)
def test_damage_is_noticed(tmp_path, damage, error):
    folder = tmp_path / "interim/sub-01"
    write(folder)
    damage(folder)
    with pytest.raises(error):
        read_signature(folder)


def test_an_interrupted_write_leaves_what_was_there_or_nothing(tmp_path, monkeypatch):
    folder = tmp_path / "interim/sub-01"
    write(folder)
    before = signature_path(folder).read_bytes()

    def fail(value, path):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    broken = {**KINDS, "numbers": SimpleNamespace(extension=".json", packed="", save=fail)}
    with pytest.raises(NeuroFMError, match="full"):
        write_hand_over(folder, values(1), broken, pipeline_version=8, parameters={})
    assert signature_path(folder).read_bytes() == before
    assert [path.name for path in folder.parent.iterdir()] == ["sub-01"]


def test_a_newer_hand_over_replaces_an_older_one(tmp_path):
    folder = tmp_path / "interim/sub-01"
    write(folder)
    (folder / "old.json").write_text("{}")
    write(folder, seed=1)
    assert not (folder / "old.json").exists()
    assert np.array_equal(IMAGE.load(folder / "t1w.nii.gz").dataobj, values(1)["t1w"].dataobj)


def test_what_is_removed_leaves_no_empty_folders(tmp_path):
    one, other = (tmp_path / "interim" / name for name in ("sub-01", "sub-02"))
    write(one)
    write(other)
    remove_hand_over(one)
    assert waiting_scans(tmp_path / "interim") == {"sub-02"}
    remove_hand_over(other)
    assert not (tmp_path / "interim").exists()
    remove_hand_over(other)


def test_a_failure_takes_the_place_of_values(tmp_path):
    folder = tmp_path / "interim/sub-01"
    assert read_hand_over_failure(folder) is None
    write(folder)
    write_hand_over_failure(folder, FAILURE)
    assert read_hand_over_failure(folder) == FAILURE
    assert (read_signature(folder), waiting_scans(tmp_path / "interim")) == (None, set())
    write(folder)
    assert read_hand_over_failure(folder) is None
    assert json.loads(signature_path(folder).read_text())["PipelineVersion"] == 7


def kill(folder):
    """Leave what a process leaves that is killed while it writes."""
    write(folder)
    left = folder.rename(folder.with_name(f".tmp-{folder.name}"))
    (left / "half.nii.gz").write_text("half")
    return left


def test_what_a_killed_process_left_is_removed_with_its_scan(tmp_path):
    folder = tmp_path / "interim/sub-01"
    left, other = kill(folder), kill(folder.with_name("sub-01_run-1"))
    assert waiting_scans(folder.parent) == set()
    assert (has_leftovers(folder), has_leftovers(folder.with_name("sub-02"))) == (True, False)
    write(folder)
    assert sorted(path.name for path in folder.parent.iterdir()) == [other.name, "sub-01"]
    assert not (folder / "half.nii.gz").exists()
    kill(folder.with_name("sub-02"))
    remove_hand_over(folder.with_name("sub-02"))
    remove_unfinished(folder)
    assert read_signature(folder) is not None
    assert not left.exists()
    assert other.exists()
    remove_hand_over(folder)
    remove_unfinished(folder.with_name("sub-01_run-1"))
    assert not folder.parent.exists()


@pytest.mark.parametrize("write_it", [write, lambda folder: write_hand_over_failure(folder, FAILURE)])
def test_a_folder_is_made_while_another_process_removes_the_one_above(tmp_path, monkeypatch, write_it):
    folder, mkdir, removed = tmp_path / "interim/sub-01", Path.mkdir, []

    def make(path, *args, **options):
        mkdir(path, *args, **options)
        if path == folder.parent and len(removed) < 3:
            removed.append(path.rmdir())

    monkeypatch.setattr(Path, "mkdir", make)
    write_it(folder)
    assert len(removed) == 3
    assert folder.is_dir()
