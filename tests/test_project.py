"""What the repository says about itself."""

import ast
import doctest
import importlib
import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from neurofm_bids.errors import Exit
from tests.gauntlet.file_cases import FILES, SIDECARS
from tests.gauntlet.name_cases import NAMES
from tests.gauntlet.scan_cases import CONTENT, DAMAGED, GEOMETRY

ROOT = Path(__file__).resolve().parents[1]
OWNERS = {
    "antspyx": "ants",
    "scikit-learn": "sklearn",
    "huggingface-hub": "huggingface_hub",
    "pyyaml": "yaml",
    "pillow": "PIL",
    "connected-components-3d": "cc3d",
    "fill-voids": "fill_voids",
    "umap-learn": "umap",
}


@pytest.fixture(scope="module")
def tables():
    if not (ROOT / "docs").is_dir():
        pytest.skip("the documentation is not part of an installed package")
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        return importlib.import_module("tables")
    finally:
        sys.path.pop(0)


def source():
    return "\n".join(path.read_text() for path in (ROOT / "neurofm_bids").rglob("*.py"))


def test_generated_tables_of_the_documentation_are_current(tables):
    stale = [page.name for page, text in tables.pages().items() if page.read_text("utf-8") != text]
    assert not stale, "python docs/tables.py updates them"


def test_every_exit_code_is_explained(tables):
    assert set(tables.EXIT_CODES) == set(Exit)


def plain_messages(folder):
    """Return the messages of the errors raised in a folder that are written in one piece."""
    trees = [ast.parse(path.read_text()) for path in (ROOT / "neurofm_bids" / folder).glob("*.py")]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    raised = [c.args[0] for c in calls if isinstance(c.func, ast.Name) and c.func.id == "NeuroFMError"]
    return {first.value for first in raised if isinstance(first, ast.Constant)}


def test_what_is_refused_is_in_the_page_on_troubleshooting():
    page = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
    messages = plain_messages("preprocess")
    assert "the offset of the intensities is too large for their range" in messages
    only_in_python = {
        "rigid space requires a registration",
        "the volume has voxels that are not finite",
        "this is not a volumetric image",
        "encode takes a sequence of brains",
    }
    assert {message for message in messages if message not in page} == only_in_python


def test_every_input_of_the_gauntlet_is_in_the_documentation(tables):
    rows = (ROOT / "docs" / "usage.md").read_text("utf-8").splitlines()
    for case in (*NAMES, *FILES, *SIDECARS, *DAMAGED, *GEOMETRY, *CONTENT):
        assert any(case.expected.replace("<", "&lt;") in row for row in rows if case.what in row), case.what


def test_links_of_the_documentation_have_a_text():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    assert [page.name for page in pages if "[](" in page.read_text()] == []


def dependencies():
    """Return what the package imports: its requirements, and those of the extras that parts of it need."""
    with (ROOT / "pyproject.toml").open("rb") as stream:
        project = tomllib.load(stream)["project"]
    extras = (project["optional-dependencies"][name] for name in ("pretrain", "cohort"))
    return [Requirement(line) for lines in (project["dependencies"], *extras) for line in lines]


def test_every_dependency_is_bounded_and_used():
    text = source()
    for requirement in dependencies():
        assert any(s.operator == ">=" for s in requirement.specifier), requirement
        module = OWNERS.get(requirement.name.lower(), requirement.name)
        assert re.search(rf"^\s*(import|from) {module}\b", text, re.MULTILINE), requirement


def test_every_import_is_a_dependency():
    named = {requirement.name.lower() for requirement in dependencies()}
    packages = {OWNERS.get(name, name) for name in named} | {"neurofm_bids"}
    imported = set(re.findall(r"^\s*(?:import|from) (\w+)", source(), re.MULTILINE))
    assert imported - packages - set(sys.stdlib_module_names) == set()


@pytest.mark.slow
def test_the_examples_of_the_python_page_run():
    failed, tried = doctest.testfile(str(ROOT / "docs" / "python.md"), module_relative=False)
    assert tried > 10
    assert failed == 0
