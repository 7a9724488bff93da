"""The commands index and slurm-script."""

import subprocess

import pytest

from neurofm_bids.bids.discovery import find_scans
from neurofm_bids.cli import cluster, tools
from neurofm_bids.cli.arguments import Parser
from neurofm_bids.cluster_options import Shard
from neurofm_bids.config import Config, Selection

IMAGES = [f"sub-{label}/anat/sub-{label}_T1w.nii.gz" for label in ("01", "02", "03")]


@pytest.fixture
def dataset(bids_dataset):
    return bids_dataset(*IMAGES)


def test_the_commands_are_added():
    parser = Parser()
    cluster.add_commands(parser.add_subparsers())
    assert "slurm-script" in parser.format_help()


def test_an_index_is_what_tasks_read(dataset, tmp_path, capsys):
    path = tmp_path / "logs" / "index.jsonl"
    assert tools.main(["index", str(dataset), str(path), "--participant-label", "sub-01", "03"]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    options = Selection(participant_label=("01", "03"), shard=Shard(2, 2), index=path)
    (scan,) = find_scans(Config(dataset, tmp_path / "out", selection=options)).scans
    assert scan.subject == "03"


def test_an_index_of_no_dataset(tmp_path):
    assert tools.main(["index", str(tmp_path / "none"), str(tmp_path / "index")]) == 66


def test_the_script_is_made_for_the_command(dataset, tmp_path, capsys):
    words = [
        "n.sif",
        str(dataset),
        str(tmp_path / "out"),
        "participant",
        "--views",
        "1",
        "--slurm-scans",
        "2",
    ]
    assert tools.main(["slurm-script", *words]) == 0
    text = capsys.readouterr().out
    assert "tasks=2 " in text
    assert "participant=(--views=1)" in text
    assert "has_group=no" in text
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)


@pytest.mark.parametrize(
    ("words", "code"),
    [([], 64), (["out", "participant", "--view", "1"], 64), (["out", "participant", "--shard", "1/2"], 64)],
)
def test_a_command_that_could_not_run_has_no_script(dataset, words, code):
    assert tools.main(["slurm-script", "n.sif", str(dataset), *words]) == code


def test_a_dataset_of_refused_images_has_no_script(bids_dataset, tmp_path, caplog):
    root = bids_dataset(IMAGES[0])
    (root / IMAGES[0]).write_bytes(b"")
    assert tools.main(["slurm-script", "n.sif", str(root), str(tmp_path / "out"), "participant"]) == 18
    assert "no image can be processed" in caplog.text
