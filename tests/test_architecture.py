import ast
import subprocess
import sys
from pathlib import Path

import pytest

import neurofm_bids

ROOT = Path(neurofm_bids.__file__).parent
LAYERS = (
    ("errors", "option", "config", "resources"),
    ("storage",),
    ("records", "bids"),
    ("preprocess",),
    ("model",),
    ("group", "report", "engine", "pipeline", "participant"),
    ("api",),
    ("transformer", "pretrain"),
    ("demo",),
    ("cli", "__main__"),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
APART = {
    frozenset({"participant", "group"}),
    frozenset({"participant", "demo"}),
    frozenset({"group", "demo"}),
}
MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def part(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = (
                [node.module]
                if node.module != "neurofm_bids"
                else [f"neurofm_bids.{a.name}" for a in node.names]
            )
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if name.startswith("neurofm_bids."):
                target = name.split(".")[1]
                if target != "__version__":
                    yield target


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path):
    here = part(path)
    for target in set(imported(path)) - {here}:
        assert LEVEL[target] <= LEVEL[here], f"{here} must not import {target}"
        assert frozenset({here, target}) not in APART, f"{here} must not import {target}"


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


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_imports_nothing_heavy(argument):
    code = (
        "import sys, contextlib\n"
        "from neurofm_bids.cli.main import main\n"
        "with contextlib.suppress(SystemExit):\n"
        f"    main([{argument!r}])\n"
        "heavy = {'torch', 'ants', 'nipype', 'matplotlib', 'bids', 'nibabel', 'numpy', 'pandas', 'scipy'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "neurofm" in done.stdout.lower()
