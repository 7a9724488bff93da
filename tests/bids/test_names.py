import gzip
import json
import multiprocessing
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.bids.dataset import check_output, write_dataset
from neurofm_bids.bids.discovery import Scan
from neurofm_bids.bids.names import Derivatives
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.storage.atomic import write_bytes, write_json, write_nifti, write_text

MODEL = {"name": "open-s", "label": "openS", "licence": "Apache-2.0", "notice": "A notice."}


def scan(session=None):
    root = Path("/data")
    entities = (("sub", "01"), *((("ses", session),) if session else ()), ("run", "2"))
    stem = "_".join(f"{k}-{v}" for k, v in entities)
    folder = root / "sub-01" / (f"ses-{session}" if session else "") / "anat"
    return Scan(folder / f"{stem}_T1w.nii.gz", root, "01", session, entities, {})


def test_every_name():
    out = Derivatives(Path("/out"), "openS")
    anat = Path("/out/sub-01/ses-a/anat")
    stem = "sub-01_ses-a_run-2"
    s = scan("a")
    assert out.features(s) == anat / f"{stem}_desc-openS_features.tsv"
    assert out.sidecar(s) == anat / f"{stem}_desc-openS_features.json"
    assert out.predictions(s) == anat / f"{stem}_desc-openS_predictions.json"
    assert out.mask(s) == anat / f"{stem}_desc-brain_mask.nii.gz"
    assert out.preproc(s) == anat / f"{stem}_desc-preproc_T1w.nii.gz"
    assert out.transform(s, "affine") == anat / f"{stem}_from-T1w_to-MNI152NLin2009cAsym_mode-image_xfm.txt"
    assert out.figure(s, "mask") == Path("/out/sub-01/figures") / f"{stem}_desc-mask_T1w.svg"
    assert out.report("01") == Path("/out/sub-01.html")
    assert out.folder(scan()) == Path("/out/sub-01/anat")


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


def test_foreign_dataset_is_never_taken_over(tmp_path):
    (tmp_path / "dataset_description.json").write_text('{"GeneratedBy": [{"Name": "fMRIPrep"}]}')
    with pytest.raises(NeuroFMError, match="holds another dataset") as error:
        check_output(tmp_path)
    assert error.value.code is Exit.CANT_CREATE


def test_own_dataset_is_accepted(tmp_path):
    bids = tmp_path / "bids"
    bids.mkdir()
    out = tmp_path / "out"
    check_output(out)
    write_dataset(out, bids, version="1", model=MODEL, template="MNI152NLin2009cAsym")
    check_output(out)
    description = json.loads((out / "dataset_description.json").read_text())
    assert description["DatasetType"] == "derivative"
    assert description["GeneratedBy"][0]["Name"] == "NeuroFM-BIDS"
    assert "A notice." in (out / "README.md").read_text()


def named(stem, root=Path("/bids")):
    entities = tuple((part.split("-")[0], part.split("-")[1]) for part in stem.split("_"))
    return Scan(root / "sub-01" / "anat" / f"{stem}_T1w.nii.gz", root, "01", None, entities)


@pytest.mark.fault(
    "A run was killed while it wrote a file", "the rest of it is cleared when the scan is done again"
)
def test_leftovers_of_a_scan_are_removed_and_no_others(tmp_path):
    out, one, other = Derivatives(tmp_path, "openS"), named("sub-01"), named("sub-01_run-1")
    for which in (one, other):
        write_text(out.sidecar(which), "{}")
        for path in (out.mask(which), out.sidecar(which), out.figure(which, "mask")):
            path.parent.mkdir(parents=True, exist_ok=True)
            (path.parent / f".tmp-{path.name}-abc").touch()
    (tmp_path / "sub-01" / "anat" / ".tmp-mine").touch()
    out.forget(one)
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert not any(name.startswith(".tmp-sub-01_desc") for name in left)
    assert {out.sidecar(other).name, ".tmp-mine", f".tmp-{out.mask(other).name}-abc"} <= left
    assert not out.sidecar(one).exists()


def test_vanished_output_folder_is_noticed(tmp_path):
    out = Derivatives(tmp_path / "gone", "openS")
    with pytest.raises(NeuroFMError, match="has vanished") as error:
        out.check()
    assert error.value.code is Exit.IO
