"""The folders of a run: names with special characters or not UTF-8, and a current folder that is gone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from neurofm_bids.cli.main import main
from tests.faults.command import HOSTILE, QUICK, ROOT, arguments, is_complete, make_dataset

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def dataset(brain_image, tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("surroundings") / "bids", brain_image, 1)


@pytest.fixture
def removed_folder(tmp_path, monkeypatch):
    """Stand in a folder that does not exist any more."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()


def run(command, where, **environment):
    done = subprocess.run(
        command, cwd=where, capture_output=True, text=True, timeout=550, env={**ENVIRONMENT, **environment}
    )
    return done.returncode, done.stderr


@pytest.mark.slow
@pytest.mark.fault(
    "The dataset, the output, work, temporary and current folders have special characters in their names",
    "both levels are done, exit code 0",
)
@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_names_of_folders(dataset, tmp_path, name):
    folder = tmp_path / name
    shutil.copytree(dataset, folder / "bids")
    (folder / "tmp").mkdir()
    command = [
        sys.executable,
        "-m",
        "neurofm_bids",
        "bids",
        "out",
        "participant",
        "group",
        *QUICK,
        "-w",
        "work",
    ]
    code, said = run(command, folder, TMPDIR=str(folder / "tmp"))
    assert code == 0, said
    assert is_complete(folder / "out", "00")
    assert (folder / "out" / "group_desc-openS.html").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert list((folder / "tmp").iterdir()) == []


@pytest.mark.slow
@pytest.mark.fault("The current folder has been removed, paths are absolute", "the run is done, exit code 0")
def test_removed_folder(dataset, tmp_path, removed_folder):
    code, said = run(arguments(dataset, tmp_path / "out"), None)
    assert code == 0, said
    assert is_complete(tmp_path / "out", "00")


@pytest.mark.fault(
    "The current folder has been removed, a path is relative", "exit code 66, names the reason"
)
@pytest.mark.parametrize(
    ("paths", "named"),
    [
        (("bids", "{out}", "participant"), "bids"),
        (("{bids}", "out", "group"), "out"),
        (("{bids}", "{out}", "participant", "-w", "work"), "work"),
        (("{bids}", "{out}", "participant", "--weights", "w.h5"), "w.h5"),
        (("{bids}", "{out}", "participant", "--bids-filter-file", "f.json"), "f.json"),
    ],
)
def test_relative_paths_in_a_removed_folder(dataset, tmp_path, removed_folder, capsys, paths, named):
    assert main([path.format(bids=dataset, out=tmp_path / "out") for path in paths]) == 66
    assert f"the current folder has been removed: {named}. " in capsys.readouterr().err


def test_absolute_paths_in_a_removed_folder(dataset, tmp_path, removed_folder, capsys):
    assert main([str(dataset), str(tmp_path / "out"), "participant", "--dry-run"]) == 0
    assert "not processed yet" in capsys.readouterr().out


def test_a_default_work_folder_for_any_output_folder(dataset, tmp_path, capsys):
    out = tmp_path / HOSTILE["not UTF-8"]
    assert main([str(dataset), str(out), "participant", "--dry-run"]) == 0
    assert "not processed yet" in capsys.readouterr().out


@pytest.mark.parametrize("kind", HOSTILE)
def test_only_a_folder_that_libraries_cannot_use_is_left(dataset, tmp_path, monkeypatch, kind):
    """Workers start in the current folder; nipype cannot be imported where its name has a line break."""
    folder = tmp_path / HOSTILE[kind]
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert main([str(dataset), "out", "participant", "--dry-run"]) == 0
    assert Path.cwd() == (Path("/") if kind in {"line breaks", "settings"} else folder)
