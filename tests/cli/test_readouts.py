"""The commands of ``neurofm-tools readouts``."""

from dataclasses import replace

import pytest

from neurofm_bids.cli import tools
from neurofm_bids.cli.arguments import Parser
from neurofm_bids.cli.readouts import add_commands
from neurofm_bids.readouts.file import write_readout
from neurofm_bids.readouts.fit import NOT_OF_SCANS
from neurofm_bids.readouts.readout import Evaluation, Metric
from tests.readouts.made import made_readout

EVALUATION = Evaluation(
    {"AUC": Metric(0.6123, (0.5, 0.7)), "Brier": Metric(None)},
    {"AUC": Metric(0.55)},
    p_value=0.02,
    scheme="5 folds",
)


@pytest.fixture
def path(tmp_path):
    made = made_readout("binary", evaluation=EVALUATION, notes=("Only students.",))
    write_readout(tmp_path / "a.json", made)
    return tmp_path / "a.json"


def test_the_commands_there_are():
    parser = Parser()
    commands = parser.add_subparsers()
    add_commands(commands)
    assert {"apply", "show", "check"} <= set(commands.choices)


def test_a_readout_is_described(path, capsys):
    assert tools.main(["readouts", "show", str(path)]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if "  " in line)
    text = "\n".join(f"{name} {about}" for name, about in lines.items())
    assert "Readout depression" in text
    assert lines["Training"] == "20 students (20 scans of 20 people)"
    assert lines["Classes"] == "control, MDD"
    assert "0.612 (95% interval 0.5 to 0.7)" in text
    assert "covariates only" in text
    assert "p = 0.02, not corrected for other tasks" in text
    assert lines["Note"] == "Only students."
    assert lines["Settings"] == "views=8"


def test_notes_stand_before_metrics_and_a_long_name_apart_from_its_value(tmp_path, capsys):
    name = "mean_absolute_rank_error"
    metrics = {name: Metric(1.01)}
    evaluation = Evaluation(metrics, metrics, predictions_and_covariates=metrics)
    write_readout(tmp_path / "a.json", made_readout(evaluation=evaluation, notes=("Only students.",)))
    assert tools.main(["readouts", "show", str(tmp_path / "a.json")]) == 0
    shown = capsys.readouterr().out
    assert shown.index("Only students.") < shown.index(name)
    assert f"{name}, predictions and covariates  1.01\n" in shown
    assert f"{name}, covariates only  1.01\n" in shown


def test_features_of_other_software_are_said_to_be_so(tmp_path, capsys):
    write_readout(tmp_path / "a.json", made_readout(origin=NOT_OF_SCANS))
    assert tools.main(["readouts", "show", str(tmp_path / "a.json")]) == 0
    shown = capsys.readouterr().out
    assert "none: the features are not of NeuroFM-BIDS" in shown
    assert "pipeline version" not in shown
    assert "Settings" not in shown


def test_files_are_checked_one_by_one(path, tmp_path, capsys):
    (tmp_path / "b.json").write_text(path.read_text().replace("students", "people"))
    assert tools.main(["readouts", "check", "--readouts", str(path)]) == 0
    assert tools.main(["readouts", "check", "--readouts", str(tmp_path / "b.json"), str(path)]) == 65
    _, failed, passed = capsys.readouterr().out.splitlines()
    assert failed.startswith("FAILED  the readout is damaged or was edited: ")
    assert passed.startswith(f"ok      {path}: depression, SHA-256 ")


def test_scores_of_a_table_are_printed(tmp_path, capsys):
    write_readout(tmp_path / "a.json", replace(made_readout(), digest=""))
    (tmp_path / "f.tsv").write_text("participant_id\tf000\tf001\nsub-01\t0.5\t0.25\n")
    arguments = ["readouts", "apply", str(tmp_path / "f.tsv"), "--readouts", str(tmp_path / "a.json")]
    assert tools.main(arguments) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split("\t")[:2] == ["participant_id", "readout_raven"]
    assert row.split("\t")[:2] == ["sub-01", "1"]
