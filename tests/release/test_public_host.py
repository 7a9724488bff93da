"""The files for a public host: forms of issues, and the workflow that does what the local checks do."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
HOST = ROOT / ".github"
PINNED = re.compile(r"[\w-]+/[\w-]+@v\d+\.\d+\.\d+")


def read(path):
    if not path.is_file():
        pytest.skip(f"{path.name} is not part of an installed package")
    return yaml.safe_load(path.read_text("utf-8"))


@pytest.fixture
def workflow():
    return read(HOST / "workflows" / "ci.yml")


def commands(job):
    return [step["run"] for step in job["steps"] if "run" in step]


def test_the_workflow_does_what_is_done_locally(workflow):
    done = {name: commands(job) for name, job in workflow["jobs"].items()}
    assert done == {
        "test": [".ci/run"],
        "lint": ["make lint"],
        "docs": ["make docs"],
        "release": ["make release"],
        "audit": ["make audit"],
    }
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {text.split()[1] for (text,) in done.values() if text.startswith("make")} <= set(targets)


def test_the_workflow_tests_every_version_of_python_that_is_supported(workflow):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    supported = [line.rpartition(" ")[2] for line in project["classifiers"] if ":: Python :: 3." in line]
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == supported


def test_the_workflow_has_the_torch_of_the_makefile(workflow):
    pinned = re.search(r"^TORCH \?= (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    assert workflow["env"]["TORCH"] == f"{pinned}+cpu"


def test_the_workflow_can_only_read_and_uses_pinned_actions(workflow):
    assert workflow["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in workflow["jobs"].values())
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert all(PINNED.fullmatch(step["uses"]) for step in steps if "uses" in step)
    assert all(job["timeout-minutes"] for job in workflow["jobs"].values())
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)
    assert "secrets." not in (HOST / "workflows" / "ci.yml").read_text()


@pytest.mark.parametrize("name", ["bug_report", "feature_request", "question"])
def test_forms_have_questions_with_names_of_their_own(name):
    form = read(HOST / "ISSUE_TEMPLATE" / f"{name}.yml")
    questions = [each for each in form["body"] if each["type"] != "markdown"]
    names = [each["id"] for each in questions]
    assert len(set(names)) == len(names) > 0
    assert any(each.get("validations", {}).get("required") for each in questions)
    assert all(each["attributes"]["label"] for each in questions)


def test_the_report_of_a_bug_asks_for_what_is_needed():
    form = read(HOST / "ISSUE_TEMPLATE" / "bug_report.yml")
    required = {each["id"] for each in form["body"] if each.get("validations", {}).get("required")}
    assert {"what", "command", "version", "installation", "log"} == required
    assert "failed" in {each.get("id") for each in form["body"]}
    assert "real participants" in form["body"][0]["attributes"]["value"]
