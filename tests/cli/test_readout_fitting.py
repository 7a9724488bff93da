import numpy as np
import pytest

from neurofm_bids.cli.arguments import Parser
from neurofm_bids.cli.readout_fitting import add_commands
from neurofm_bids.cli.tools import main
from neurofm_bids.readouts.file import read_readout
from neurofm_bids.readouts.task_file import read_tasks
from neurofm_bids.storage.tables import read_tsv


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 3))
    lines = [f"sub-{k:02d}\t" + "\t".join(f"{x:.4f}" for x in row) for k, row in enumerate(features)]
    (tmp_path / "features.tsv").write_text("participant_id\ta\tb\tc\n" + "\n".join(lines) + "\n")
    lines = [f"sub-{k:02d}\t{10 + row[0]:.3f}\t{'xy'[k % 2]}" for k, row in enumerate(features)]
    (tmp_path / "participants.tsv").write_text("participant_id\tiq\tgroup\n" + "\n".join(lines) + "\n")
    return tmp_path


def test_tasks_are_suggested_and_fitted(folder, capsys):
    assert main(["readouts", "suggest", str(folder), "--out", str(folder / "tasks.toml")]) == 0
    assert [task.target for task in read_tasks(folder / "tasks.toml").tasks] == ["iq", "group"]
    arguments = ["readouts", "fit", *(str(folder / name) for name in ("features.tsv", "participants.tsv"))]
    arguments += [str(folder / "tasks.toml"), str(folder / "fitted"), "--nprocs", "1"]
    assert main(arguments) == 0
    made = read_readout(folder / "fitted" / "iq.json")
    assert made.features == ("a", "b", "c")
    assert made.evaluation.metrics["r"].value > 0.95
    assert made.evaluation.p_value < 0.05
    _, rows = read_tsv(folder / "fitted" / "evaluation.tsv")
    main_rows = [row for row in rows if row["p_corrected"] != "n/a"]
    assert {row["task"] for row in main_rows} == {"iq", "group"}
    assert all(float(row["p_corrected"]) >= float(row["p_value"]) for row in main_rows)
    assert main(["readouts", "suggest", str(folder)]) == 0
    assert "[[task]]" in capsys.readouterr().out


def test_a_file_of_tasks_is_not_replaced(folder, caplog):
    path = folder / "tasks.toml"
    path.write_text("# mine")
    assert main(["readouts", "suggest", str(folder), "--out", str(path)]) == 73
    assert f"the file exists already: {path}" in caplog.text
    assert path.read_text() == "# mine"


def test_an_unknown_column_is_named(folder, caplog):
    (folder / "tasks.toml").write_text(
        '[[task]]\nname = "a"\ndomain = "clinical"\nkind = "regression"\ntarget = "iqq"\n'
    )
    arguments = ["readouts", "fit", *(str(folder / name) for name in ("features.tsv", "participants.tsv"))]
    assert main([*arguments, str(folder / "tasks.toml"), str(folder / "fitted")]) == 65
    assert "no column 'iqq'" in caplog.text
    assert "line 5, column 10" in caplog.text


def test_commands_are_added_to_a_parser():
    parser = Parser(prog="x")
    add_commands(parser.add_subparsers(dest="action"))
    assert str(parser.parse_args(["suggest", "b"]).bids_dir) == "b"
