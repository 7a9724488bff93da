"""The shape of the package: which room may import which, what a module has, which test it has."""

import ast
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

import neurofm_bids

ROOT = Path(neurofm_bids.__file__).parent
TESTS = Path(__file__).parent
# From the ground up, as docs/architecture.md draws it: a room imports those below it only.
LAYERS = (
    ("errors", "option", "resources"),
    ("config",),
    ("storage", "geometry"),
    ("records",),
    ("bids",),
    ("preprocess",),
    ("model", "report"),
    ("pipeline",),
    ("engine", "pretrain", "api"),
    ("participant", "group", "demo", "transformer"),
    ("cli",),
    ("__main__",),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")
# Modules that the tests of others cover.
WITHOUT_OWN_TEST = {
    "__main__.py": "tests/participant/test_run.py runs it",
    "transformer.py": "tests/test_api.py",
    "records/__main__.py": "tests/records/test_schema.py runs it",
    "cli/arguments.py": "tests/cli/test_tools.py and test_pretrain.py: usage errors of both",
    "pipeline/network.py": "tests/participant/test_run.py: every run loads it in a worker",
    "pipeline/resource_usage.py": "its test runs it in a process of its own",
    "participant/run.py": "its test runs the command",
}


def part(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            own = node.module == "neurofm_bids"
            names = [f"neurofm_bids.{a.name}" for a in node.names] if own else [node.module]
            names += [f"{node.module}.{a.name}" for a in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        yield from (name for name in names if name.startswith("neurofm_bids."))


def named(path):
    return path.relative_to(ROOT.parent).with_suffix("").as_posix().replace("/", ".")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path):
    here = part(path)
    rooms = {name.split(".")[1] for name in imported(path)} - {here, "__version__"}
    for target in rooms:
        assert LEVEL[target] < LEVEL[here], f"{here} must not import {target}"


def test_no_two_modules_import_each_other():
    known = {named(path): path for path in MODULES}
    edges = {name: {target for target in imported(path) if target in known} for name, path in known.items()}
    waiting = dict(edges)
    while waiting:
        free = [name for name, targets in waiting.items() if not targets & waiting.keys()]
        assert free, f"these import each other: {sorted(waiting)}"
        for name in free:
            del waiting[name]


def test_the_documentation_draws_this_order():
    page = TESTS.parent / "docs" / "architecture.md"
    if not page.is_file():
        pytest.skip("the documentation is not part of an installed package")
    block = page.read_text().split("Imports go one way")[1].split("```")[1]
    rows = [part.strip(" \n{}") for part in block.removeprefix("text\n").split("→")]
    drawn = [[name.strip() for name in row.split(",")] for row in rows]
    levels = [[LEVEL[name] for name in names] for names in drawn]
    for above, below in pairwise(levels):
        assert min(above) > max(below)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_say_what_is_public(path):
    tree = ast.parse(path.read_text())
    if path.name in {"__init__.py", "__main__.py"}:
        return
    names = [
        t.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for t in node.targets
        if isinstance(t, ast.Name)
    ]
    assert "__all__" in names
    assert len(path.read_text().splitlines()) <= 310


@pytest.mark.parametrize(
    "path",
    [p for p in MODULES if p.name != "__init__.py"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_every_module_is_imported_by_the_test_of_its_name(path):
    place = path.relative_to(ROOT)
    test = TESTS / place.with_name(f"test_{place.name}")
    if place.as_posix() in WITHOUT_OWN_TEST:
        assert not test.is_file() or named(path) not in imported(test), "it needs no exemption"
        return
    assert test.is_file(), f"write {test.relative_to(TESTS.parent)}, or say here why not"
    assert named(path) in set(imported(test)), f"{test.name} does not import {named(path)}"


@pytest.mark.parametrize("path", sorted(TESTS.rglob("*.py")), ids=lambda path: str(path.relative_to(TESTS)))
def test_tests_use_public_names_only(path):
    private = {name for name in imported(path) if name.rsplit(".", 1)[1].startswith("_")}
    assert private - {"neurofm_bids.__version__"} == set()
    assert re.findall(r'setattr\((?!tempfile)[^)]*"_\w+', path.read_text()) == []


@pytest.mark.parametrize("argument", ["--help", "--version"])
@pytest.mark.parametrize("command", ["main", "tools"])
def test_help_imports_nothing_heavy(command, argument):
    code = (
        "import sys, contextlib\n"
        f"from neurofm_bids.cli.{command} import main\n"
        "with contextlib.suppress(SystemExit):\n"
        f"    main([{argument!r}])\n"
        "heavy = {'torch', 'ants', 'nipype', 'matplotlib', 'bids', 'nibabel', 'numpy', 'pandas', 'scipy'}\n"
        "heavy |= {'pydantic'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "neurofm" in done.stdout.lower()
