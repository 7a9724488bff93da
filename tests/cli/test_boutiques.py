"""The Boutiques descriptor: it describes the command line that the parser takes."""

import json
import shlex
from dataclasses import replace

import pytest

from neurofm_bids import __version__
from neurofm_bids.bids.names import GROUP_OUTPUTS
from neurofm_bids.cli.boutiques import descriptor
from neurofm_bids.cli.main import main
from neurofm_bids.cli.options import parse
from neurofm_bids.config import GROUPS
from neurofm_bids.errors import INTERRUPTED, Exit, NeuroFMError
from neurofm_bids.option import options_of

POSITIONAL = {"bids_dir": "the dataset", "out_dir": "the outputs", "analysis_level": "one or both"}
TYPES = {"String", "File", "Flag", "Number"}


@pytest.fixture(scope="module")
def made():
    return descriptor(POSITIONAL)


@pytest.fixture(scope="module")
def inputs(made):
    return {each["id"]: each for each in made["inputs"]}


def command(made, invocation):
    """Return the words of the command for an invocation, by the rules of Boutiques."""
    text = made["command-line"]
    for each in made["inputs"]:
        value = invocation.get(each["id"])
        flag, between = each.get("command-line-flag", ""), each.get("command-line-flag-separator", " ")
        if value is None or value is False:
            shown = ""
        elif each["type"] == "Flag":
            shown = flag
        else:
            values = value if each.get("list") else [value]
            shown = (flag + between if flag else "") + " ".join(shlex.quote(str(item)) for item in values)
        text = text.replace(each["value-key"], shown)
    return shlex.split(text)[1:]


@pytest.fixture
def required(folders):
    return {"InputDataset": folders[:1], "OutputLocation": folders[1], "AnalysisLevel": ["participant"]}


def test_the_command_prints_it_without_other_arguments(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--bids-exec-spec"])
    assert ended.value.code == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["schema-version"], shown["tool-version"]) == ("0.5", __version__)
    assert shown["custom"]["BIDSAppSpecVersion"]


def test_it_is_valid_for_boutiques(made):
    validator = pytest.importorskip("boutiques.validator", reason="needs the package boutiques")
    assert validator.validate_descriptor(made)


def test_every_option_is_an_input(made, inputs):
    declared = [option.flags[0] for group in GROUPS.values() for _, option in options_of(group)]
    described = [each.get("command-line-flag", "--verbose") for each in made["inputs"][3:]]
    assert described == [*declared, "--help", "--version"]
    assert len(inputs) == len(made["inputs"])


def test_inputs_of_the_specification_have_its_names(inputs):
    assert {"InputDataset", "OutputLocation", "AnalysisLevel", "Help", "ToolVersion"} <= set(inputs)
    assert {"SubjectLabel", "SessionLabel"} <= set(inputs)
    assert [name for name, each in inputs.items() if not each["optional"]] == [
        "InputDataset",
        "OutputLocation",
        "AnalysisLevel",
    ]


def test_every_input_has_its_place_in_the_command(made, inputs):
    assert made["command-line"].split() == ["neurofm", *(each["value-key"] for each in inputs.values())]
    assert {each["value-key"] for each in inputs.values()} == {f"[{name}]" for name in inputs}
    assert {each["type"] for each in inputs.values()} == TYPES
    assert all(each["description"] for each in inputs.values())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Views", {"type": "Number", "integer": True, "minimum": 1, "maximum": 64, "default-value": 8}),
        ("AnatomyPhases", {"type": "Number", "value-choices": [1, 2, 8], "default-value": 2}),
        (
            "BiasCorrection",
            {"type": "String", "value-choices": ["n4", "none", "derivatives"], "default-value": "n4"},
        ),
        ("SubjectLabel", {"type": "String", "list": True, "command-line-flag": "--participant-label"}),
        ("Readouts", {"type": "File", "list": True}),
        ("Weights", {"type": "File", "command-line-flag": "--weights"}),
        ("MakeReference", {"type": "String"}),  # it is written: nothing to mount
        ("WorkDir", {"type": "String"}),  # it may not exist before the run
        ("Derivatives", {"type": "String", "list": True}),  # NAME=PATH is no path to mount
        ("GroupInputs", {"type": "String", "list": True}),
        ("Mem", {"type": "String"}),  # 8GB
        ("NoAnatomy", {"type": "Flag"}),
        ("Verbose", {"type": "String", "value-choices": ["-v", "-vv", "-vvv"]}),
        ("AnalysisLevel", {"list": True, "value-choices": ["participant", "group"], "max-list-entries": 2}),
    ],
)
def test_types_and_limits(inputs, name, expected):
    assert {key: inputs[name].get(key) for key in expected} == expected


def test_defaults_that_depend_on_the_machine_are_in_words_only(inputs):
    for name in ("Nprocs", "Mem", "WorkDir", "BatchSize"):
        assert "default-value" not in inputs[name]
        assert "(default: " in inputs[name]["description"]


def test_defaults_given_as_values_change_nothing(made, inputs, required):
    defaults = {name: each["default-value"] for name, each in inputs.items() if "default-value" in each}
    usual, explicit = (parse(command(made, {**required, **more})) for more in ({}, defaults))
    assert defaults
    assert replace(explicit, command=usual.command) == usual


def test_an_invocation_is_the_command_that_it_describes(made, required, tmp_path):
    config = parse(
        command(
            made,
            {
                **required,
                "AnalysisLevel": ["participant", "group"],
                "SubjectLabel": ["01", "02"],
                "Attribution": ["age"],
                "Views": 4,
                "NoAnatomy": True,
                "Force": False,
                "SlurmArgs": "--qos=long --gres=gpu:1",
                "WorkDir": str(tmp_path / "a folder"),
                "Mem": "8GB",
                "Verbose": "-vv",
            },
        )
    )
    assert config.levels == ("participant", "group")
    assert config.selection.participant_label == ("01", "02")
    assert (config.processing.attribution, config.processing.views) == (("age",), 4)
    assert (config.processing.no_anatomy, config.outputs.force) == (True, False)
    assert config.cluster.slurm_args == "--qos=long --gres=gpu:1"
    assert config.running.work_dir == tmp_path / "a folder"
    assert (config.resources.memory_gb, config.running.verbose) == (8, 2)


def test_groups_are_what_the_command_refuses(made, required):
    values = {"MakeReference": "r.json", "ReferenceParticipants": ["01"], "Force": True, "ReportsOnly": True}
    levels = {"AnalysisLevel": ["participant", "group"]}
    assert {name for group in made["groups"] for name in group["members"]} == set(values)
    for group in made["groups"]:
        some = group["members"] if group.get("mutually-exclusive") else group["members"][:1]
        with pytest.raises(NeuroFMError) as error:
            parse(command(made, {**required, **levels, **{name: values[name] for name in some}}))
        assert error.value.what.startswith(group["name"])


def test_outputs_lie_below_the_output_location_and_have_names_of_their_own(made):
    outputs = {each["id"]: each for each in made["output-files"]}
    assert len(outputs) == len(made["output-files"])
    assert {f"group_{name}" for name in GROUP_OUTPUTS} <= set(outputs)
    templates = [each["path-template"] for each in outputs.values()]
    assert all(template.startswith("[OutputLocation]/") for template in templates)
    assert not any("{" in template for template in templates)
    assert outputs["scan_mask"]["path-template"] == "[OutputLocation]/sub-*/**/*_desc-brain_mask.nii.gz"
    assert outputs["scan_mask"]["list"] is True
    assert outputs["dataset_description"]["list"] is False


def test_exit_codes_are_those_of_the_command(made):
    codes = {each["code"]: each["description"] for each in made["error-codes"]}
    assert list(codes) == [*(int(code) for code in Exit if code), INTERRUPTED]
    assert codes[18] == "no scan selected"


def test_the_image_is_the_one_that_runs(monkeypatch):
    monkeypatch.setenv("NEUROFM_DOCKER_TAG", "registry.example/neurofm:1")
    assert descriptor(POSITIONAL)["container-image"]["image"] == "registry.example/neurofm:1"
    monkeypatch.delenv("NEUROFM_DOCKER_TAG")
    assert descriptor(POSITIONAL)["container-image"]["image"] == f"neurofm-bids:{__version__}"
