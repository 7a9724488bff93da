"""Outputs of an image compared with those of this machine, byte by byte."""

import json
import platform
import re
import subprocess
import sys
import zlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from tests.locked import ROOT, locked

LEVELS = ("participant", "group")
# Of the interpreter and of the libraries that calculate and write.
FACTS = "import platform, zlib; print(platform.python_version_tuple()[:2], zlib.ZLIB_RUNTIME_VERSION)"
_COMMAND = re.compile(rb"<code>neurofm .*?</code>")


def need_the_same_programs(facts):
    """Skip where packages, Python or zlib are not those of the image, where FACTS prints what is passed."""
    own = f"{platform.python_version_tuple()[:2]} {zlib.ZLIB_RUNTIME_VERSION}"
    if facts != own:
        pytest.skip(f"Python and zlib are {own} here, and {facts} in the image")
    other = []
    for name, pin in locked().items():
        try:
            here = version(name).split("+")[0]
        except PackageNotFoundError:
            here = "missing"
        if here != pin.version and any("pyproject.toml" in origin for origin in pin.origins):
            other.append(f"{name} {here} for {pin.version}")
    if other:
        pytest.skip(f"packages here are not those of the image: {', '.join(other)}")


def run_here(dataset, out, work):
    """Process a dataset with this interpreter."""
    command = [sys.executable, "-m", "neurofm_bids", dataset, out, *LEVELS, "-w", work]
    done = subprocess.run([*map(str, command)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def contents(out):
    """Return the bytes of outputs, and the container in dataset_description.json, which is not among them.

    Left out are also logs, command lines of pages, and the index of the group level, with times of files.
    """
    found = {}
    for path in Path(out).rglob("*"):
        name = path.relative_to(out)
        if path.is_file() and name.parts[0] != "logs" and path.suffix != ".arrow":
            found[str(name)] = path.read_bytes()
    for name in [name for name in found if name.endswith(".html")]:
        assert len(_COMMAND.findall(found[name])) == 1, name
        found[name] = _COMMAND.sub(b"", found[name])
    description = json.loads(found["dataset_description.json"])
    container = description["GeneratedBy"][0].pop("Container", None)
    return found | {"dataset_description.json": json.dumps(description).encode()}, container


def differences(one, other):
    """Return the names of outputs that differ or are in one only."""
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
