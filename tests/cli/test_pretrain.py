from pathlib import Path

import pytest

from neurofm_bids.cli.arguments import Parser
from neurofm_bids.cli.pretrain import add_commands
from neurofm_bids.cli.tools import main
from neurofm_bids.pretrain.settings import AnatomyEvaluation, Synthesis, Training
from neurofm_bids.pretrain.training.recipe import SMOKE, Recipe

RUN = ["pretrain", "train", "RUN", "--maps", "MAPS"]


@pytest.fixture
def train_calls(monkeypatch):
    calls = []
    monkeypatch.setattr(
        "neurofm_bids.pretrain.training.run.train",
        lambda *settings: calls.append(settings),
    )
    return calls


def test_options_become_the_recipe(train_calls):
    options = ["--batch", "8", "--learning-rate", "0.1", "--held-out", "a", "b", "--workers", "0"]
    assert main([*RUN, *options]) == 0
    assert main([*RUN, "MORE", "--smoke", "--steps", "6", "--seed", "3"]) == 0
    (recipe, settings), (smoke, several) = train_calls
    assert several.maps == (Path("MAPS"), Path("MORE"))
    assert recipe == Recipe(batch_size=8, learning_rate=0.1, held_out=("a", "b"))
    assert settings == Training(maps=(Path("MAPS"),), out=Path("RUN"), workers=0)
    assert smoke == Recipe(**{**SMOKE, "steps": 6, "seed": 3})


def test_defaults_in_the_help_are_those_of_the_recipe(capsys):
    parser = Parser()
    add_commands(parser.add_subparsers())
    with pytest.raises(SystemExit):
        parser.parse_args(["train", "--help"])
    text, recipe = " ".join(capsys.readouterr().out.split()), Recipe()
    for value in (recipe.steps, recipe.batch_size, recipe.passes, recipe.learning_rate, recipe.seed):
        assert f"(default: {value})" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--batch", "0"], "'0' is not a whole number of 1 or more"),
        (["--workers", "-1"], "'-1' is not a whole number of 0 or more"),
        (["--device", "gpu"], "unknown device"),
        (["--device", "cuda:7"], "device not available"),
        (["--variant", "x"], "invalid choice"),
    ],
)
def test_options_of_training_are_checked(tmp_path, caplog, options, message):
    assert main(["pretrain", "train", str(tmp_path / "run"), "--maps", str(tmp_path), *options]) == 64
    assert message in caplog.text


def test_label_maps_come_from_the_option_or_the_environment(tmp_path, caplog, monkeypatch):
    monkeypatch.delenv("NEUROFM_LABEL_MAPS", raising=False)
    assert main(["pretrain", "synthesize", str(tmp_path / "out")]) == 64
    assert "NEUROFM_LABEL_MAPS" in caplog.text
    monkeypatch.setenv("NEUROFM_LABEL_MAPS", str(tmp_path))
    assert main(["pretrain", "synthesize", str(tmp_path / "out")]) == 66


def test_synthesis_options_are_passed_on(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(
        "neurofm_bids.pretrain.synthesis.bids_dataset.write_dataset",
        calls.append,
    )
    command = ["pretrain", "synthesize", str(tmp_path), "--maps", "MAPS", "--n", "2", "--seed", "4"]
    assert main([*command, "--cache", "CACHE"]) == 0
    assert calls == [Synthesis(maps=(Path("MAPS"),), n=2, out=tmp_path, cache=Path("CACHE"), seed=4)]


def test_exit_codes_of_export(tmp_path, caplog):
    assert main(["pretrain", "export", str(tmp_path), str(tmp_path / "weights.safetensors")]) == 66
    assert main(["pretrain", "export", str(tmp_path), str(tmp_path / "weights.pt")]) == 64
    assert "must end in .safetensors" in caplog.text


def test_the_options_of_evaluation_are_checked(bids_dataset, tmp_path, caplog):
    root = bids_dataset("sub-1/anat/sub-1_T1w.nii.gz")
    command = ["pretrain", "evaluate", str(root), str(tmp_path / "out")]
    assert main(command) == 66
    assert "no participant has a known age, sex or volume" in caplog.text
    assert main([*command[:3], str(root / "out")]) == 65
    assert main([*command, "--views", "0"]) == 64


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--labels", "L"], "Use --labels and --weights"),
        (["--labels", "L", "--weights", "W", "--views", "2"], "--views cannot be used with --labels"),
        (["--labels", "L", "--weights", "W", "--protocol", "x"], "invalid choice"),
        (["--labels", "L", "--weights", "W", "--phases", "3"], "invalid choice: 3 (choose from 1, 2, 8)"),
        (["--phases", "2"], "--phases needs --labels"),
        (["--protocol", "freesurfer"], "--protocol needs --labels"),
    ],
)
def test_the_options_of_segmentations_go_together(bids_dataset, tmp_path, caplog, options, message):
    root = bids_dataset("sub-1/anat/sub-1_T1w.nii.gz")
    assert main(["pretrain", "evaluate", str(root), str(tmp_path / "out"), *options]) == 64
    assert message in caplog.text


def test_segmentations_are_evaluated_with_the_options(tmp_path, monkeypatch, capsys):
    calls = []

    def evaluate_anatomy(settings):
        calls.append(settings)
        return ["scan"], {"sub-2": "broken"}

    room = "neurofm_bids.pretrain.evaluation"
    monkeypatch.setattr(f"{room}.anatomy.evaluate_anatomy", evaluate_anatomy)
    monkeypatch.setattr(f"{room}.anatomy_report.write_anatomy_evaluation", lambda *given: tmp_path / "report")
    command = ["pretrain", "evaluate", "BIDS", "OUT", "--labels", "L", "--weights", "W", "--phases", "8"]
    assert main(command) == 1
    assert capsys.readouterr().out == f"{tmp_path / 'report'}\n"
    paths = {name: Path(value) for name, value in (("bids_dir", "BIDS"), ("out", "OUT"))}
    assert calls == [AnatomyEvaluation(**paths, labels=Path("L"), weights=Path("W"), phases=8)]
