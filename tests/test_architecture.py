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
    ("errors", "named_path", "option", "resources"),
    (
        "analysis_options",
        "centile_options",
        "cluster_options",
        "derivative_options",
        "readout_options",
        "resource_options",
        "running_options",
    ),
    ("config",),
    ("storage", "geometry"),
    ("records",),
    ("bids", "combat"),
    ("preprocess",),
    ("model", "anatomy"),
    ("norms", "explain", "readouts"),
    ("analysis",),
    ("report",),
    ("pipeline", "result"),
    ("readout",),
    ("engine", "pretrain", "api"),
    ("participant", "group", "demo", "transformer", "readout_estimator"),
    ("cluster",),
    ("cli",),
    ("__main__",),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")
# What runs when it is imported: the test that runs it with ``python -m``.
RUN_BY = {
    "__main__.py": "participant/test_run.py",
    "records/__main__.py": "records/test_schema.py",
    "readouts/__main__.py": "readouts/test_file.py",
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
    if place.name == "__main__.py":
        test = ast.parse((TESTS / RUN_BY[place.as_posix()]).read_text())
        commands = [ast.unparse(node) for node in ast.walk(test) if isinstance(node, ast.List)]
        assert any(f"'-m', '{named(path.parent)}'" in command for command in commands)
        return
    test = TESTS / place.with_name(f"test_{place.name}")
    assert test.is_file(), f"write {test.relative_to(TESTS.parent)}"
    assert worked_with(ast.parse(test.read_text()), named(path)), f"{test.name} does not use {named(path)}"


def worked_with(tree, module):
    """Return the names that a test imports of a module, or as it, and calls, indexes or looks into."""
    room, _, last = module.rpartition(".")
    names = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if node.module == module or (node.module == room and alias.name == last)
    }
    tests = [node for node in tree.body if getattr(node, "name", "").startswith("test_")]
    nodes = list(ast.walk(tree)) if tests else []
    uses = [node.func for node in nodes if isinstance(node, ast.Call)]
    uses += [node.value for node in nodes if isinstance(node, ast.Attribute | ast.Subscript)]
    return names & {node.id for node in uses if isinstance(node, ast.Name)}


IMPORT, TEST = "from neurofm_bids.storage import text\n", "def test_x():\n    assert "


@pytest.mark.parametrize(
    ("source", "holds"),
    [
        (f"{IMPORT}{TEST}text.printable('a')", True),
        (f"from neurofm_bids.storage.text import printable as p\n{TEST}p('a')", True),
        (f"{IMPORT}{TEST}callable(text)", False),
        (f"{IMPORT}def helper():\n    text.printable('a')", False),
        (f"from neurofm_bids.storage import tables as text\n{TEST}text.cell(1)", False),
        (f"{TEST}'from neurofm_bids.storage.text import printable'", False),
    ],
)
def test_an_import_that_is_not_used_does_not_count(source, holds):
    assert bool(worked_with(ast.parse(source), "neurofm_bids.storage.text")) is holds


def private_names(tree):
    """Yield the private names that a linter overlooks: in imports, in ``setattr``, in code as text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("neurofm_bids"):
            yield from (alias.name for alias in node.names if re.match("_(?!_)", alias.name))
        elif isinstance(node, ast.Call) and re.search(r"\b(set|get|del)attr$", ast.unparse(node.func)):
            texts = (arg.value for arg in node.args if isinstance(arg, ast.Constant))
            yield from (text for text in texts if re.match("_(?!_)", str(text)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"\b[a-z]\w*\._[a-z]\w*|\bimport _[a-z]\w*", node.value)


OUTSIDE = sorted({*TESTS.rglob("*.py"), *(TESTS.parent / "benchmarks").glob("*.py")} - {Path(__file__)})


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: str(path.relative_to(TESTS.parent)))
def test_tests_and_benchmarks_use_public_names_only(path):
    """Ruff's SLF finds the private attributes."""
    assert list(private_names(ast.parse(path.read_text()))) == []


@pytest.mark.parametrize(
    "source",
    [
        "from neurofm_bids.api import _x",
        "monkeypatch.setattr(api, '_x', 1)",
        "monkeypatch.setattr('neurofm_bids.api._x', 1)",
        "CODE = 'api._x()'",
        "CODE = 'from neurofm_bids.api import _x'",
    ],
)
def test_private_names_are_found(source):
    assert list(private_names(ast.parse(source)))


@pytest.mark.parametrize(
    ("command", "argument"),
    [
        *((command, argument) for command in ("main", "tools") for argument in ("--help", "--version")),
        ("main", "--bids-exec-spec"),
    ],
)
def test_help_imports_nothing_heavy(command, argument):
    code = (
        "import sys, contextlib\n"
        f"from neurofm_bids.cli.{command} import main\n"
        "with contextlib.suppress(SystemExit):\n"
        f"    main([{argument!r}])\n"
        "heavy = {'torch', 'nipype', 'matplotlib', 'bids', 'nibabel', 'numpy', 'pandas', 'scipy'}\n"
        "heavy |= {'pydantic'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "neurofm" in done.stdout.lower()
