import errno
import gzip
import json
import multiprocessing
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.storage.atomic import (
    remove_leftovers,
    status_version,
    whole_file,
    write_bytes,
    write_json,
    write_nifti,
)


def test_equal_content_is_left_alone(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    os.utime(path, (1, 1))
    write_json(path, {"a": 1})
    assert path.stat().st_mtime == 1
    write_json(path, {"a": 2})
    assert json.loads(path.read_text()) == {"a": 2}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_not_a_number_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", float("nan"))
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(NeuroFMError, match="writing failed") as error:
        write_bytes(tmp_path / "file" / "a", b"x")
    assert error.value.code is Exit.CANT_CREATE


def test_a_leftover_that_cannot_be_removed_is_named(tmp_path, monkeypatch):
    left, other = tmp_path / ".tmp-a.html-x1", tmp_path / ".tmp-b.html-x1"
    left.touch()
    other.touch()
    remove_leftovers([tmp_path / "a.html"])
    assert list(tmp_path.iterdir()) == [other]

    def refuse(path, missing_ok):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(NeuroFMError, match=r"access is not permitted: .*/\.tmp-b\.html-x1\. Check"):
        remove_leftovers([tmp_path / "b.html"])


def test_nifti_bytes_depend_on_content_only(tmp_path):
    image = nib.Nifti1Image(np.arange(27, dtype=np.float32).reshape(3, 3, 3), np.eye(4))
    write_nifti(tmp_path / "a.nii.gz", image)
    write_nifti(tmp_path / "b.nii.gz", image)
    data = (tmp_path / "a.nii.gz").read_bytes()
    assert data == (tmp_path / "b.nii.gz").read_bytes()
    assert data[4:8] == b"\0\0\0\0"
    assert data[3] & 8 == 0
    assert gzip.decompress(data)[344:348] == b"n+1\0"


def _write_often(args):
    path, letter = args
    for _ in range(50):
        write_bytes(path, letter * 100_000)


def test_concurrent_writers_never_tear_a_file(tmp_path):
    path = tmp_path / "shared.bin"
    with multiprocessing.get_context("forkserver").Pool(4) as pool:
        result = pool.map_async(_write_often, [(path, letter) for letter in (b"a", b"b", b"c", b"d")])
        while not result.ready():
            if path.exists():
                data = path.read_bytes()
                assert len(data) == 100_000
                assert len(set(data)) == 1
        result.get()
    assert [p.name for p in tmp_path.iterdir()] == ["shared.bin"]


def test_a_stream_becomes_a_file_when_all_is_written(tmp_path):
    path = tmp_path / "new" / "a.tsv"
    with whole_file(path) as stream:
        stream.write(b"ab")
        assert not path.exists()
        stream.write(b"c")
    assert path.read_bytes() == b"abc"
    os.utime(path, (1, 1))
    with whole_file(path) as stream:
        stream.write(b"abc")
    assert path.stat().st_mtime == 1
    with whole_file(path) as stream:
        stream.write(b"abcd")
    assert path.read_bytes() == b"abcd"
    assert [p.name for p in path.parent.iterdir()] == ["a.tsv"]


def test_a_stream_that_is_interrupted_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("before")
    with pytest.raises(TypeError), whole_file(path) as stream:
        stream.writelines([b"after", None])
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["a.tsv"]


def test_a_version_changes_with_the_content_even_if_the_time_is_set_back(tmp_path):
    path = tmp_path / "a"
    path.write_text("a")
    before = path.stat()
    path.write_text("b")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert status_version(path.stat()) != status_version(before)
