"""The messages of all errors that the package raises on purpose, read from its source."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["AREAS", "Message", "messages"]

PACKAGE = Path(__file__).parents[1] / "neurofm_bids"
AREAS = {  # by the first part of the path; files at the top have their own
    "Command line": ("cli", "config", "option", "demo", "resource_options", "cluster_options"),
    "Dataset and output folder": ("bids", "participant", "storage"),
    "Images and preprocessing": ("preprocess", "geometry"),
    "Models and weights": ("model", "anatomy"),
    "Processing": ("engine", "pipeline", "cluster", "resources", "explain", "report", "records"),
    "Cohorts": ("group", "analysis", "analysis_options", "combat", "norms", "centile_options"),
    "Readouts": ("readouts", "readout", "readout_options", "readout_estimator"),
    "Python": ("api", "result", "transformer"),
    "Pretraining": ("pretrain",),
}


@dataclass(frozen=True)
class Message:
    """An error as the code has it: what is wrong and what to do, an ellipsis for each value."""

    what: str
    fix: str
    path: str


def messages() -> dict[str, list[Message]]:
    """Return the messages of each area, in alphabetical order."""
    found: dict[str, set[Message]] = {area: set() for area in AREAS}
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE)
        area = next(
            (area for area, parts in AREAS.items() if relative.parts[0].removesuffix(".py") in parts), ""
        )
        if raised := _raised(path):
            found[area] |= {Message(what, fix, str(relative)) for what, fix in raised}
    unique = {area: {(m.what, m.fix): m for m in sorted(of, key=str)} for area, of in found.items()}
    return {
        area: sorted(of.values(), key=lambda m: m.what.casefold().strip("` .")) for area, of in unique.items()
    }


def _raised(path: Path) -> list[tuple[str, str]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assigned = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign) and node.value]
    constants = {
        target.id: node.value
        for node in assigned
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name) and node.value
    }
    found = []
    helpers = _helpers(tree)
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        place = 0 if name == "NeuroFMError" else helpers.get(name)
        if place is None or place >= len(call.args):
            continue
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        fix = " / ".join(_texts(keywords.get("fix"), constants))
        found += [(what, fix) for what in _texts(call.args[place], constants)]
    said = [(what, fix) for what, fix in found if len(re.findall("[A-Za-z]{2,}", what)) > 1]
    return [(_short(what), _short(fix)) for what, fix in said]


def _helpers(tree: ast.Module) -> dict[str, int]:
    """Return functions that make an error with one of their arguments as its text, and which one."""
    found = {}
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        names = [argument.arg for argument in function.args.args]
        calls = [node for node in ast.walk(function) if isinstance(node, ast.Call) and _is_error(node)]
        first = [call.args[0] for call in calls if call.args]
        texts = [node.id for node in first if isinstance(node, ast.Name)]
        places = [names.index(text) for text in texts if text in names]
        if places:
            found[function.name] = places[0]
    return found


def _is_error(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == "NeuroFMError"


def _texts(node: ast.expr | None, constants: Mapping[str, ast.expr]) -> list[str]:
    """Return the texts that an expression may give; none for one that is only known when it runs."""
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.IfExp):
        return [*_texts(node.body, constants), *_texts(node.orelse, constants)]
    if isinstance(node, ast.Name) and node.id in constants:
        return _texts(constants[node.id], {})
    if isinstance(node, ast.BinOp):
        left, right = _texts(node.left, constants) or ["..."], _texts(node.right, constants) or ["..."]
        return [one + other for one in left for other in right]
    if isinstance(node, ast.JoinedStr):
        parts = [str(part.value) if isinstance(part, ast.Constant) else "..." for part in node.values]
        return ["".join(parts)]
    return []


def _short(text: str) -> str:
    return re.sub(r"\.{4,}", "...", text)
