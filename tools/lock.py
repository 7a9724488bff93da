"""Renew the lists of locked packages: ``python tools/lock.py --torch-index URL`` (or ``make lock``).

Needs uv and network access. Three files, all with SHA-256 of every file of each release:

- ``requirements.lock``: all that NeuroFM-BIDS needs at run time with the CPU build of PyTorch;
- ``requirements-cuda.lock``: what the CUDA build needs in addition;
- ``requirements-build.lock``: what builds NeuroFM-BIDS, and packages that are published as source only.

Versions that still fit ``pyproject.toml`` are kept. Resolved for Python 3.11 on Linux x86_64.
"""

import argparse
import os
import re
import subprocess
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CPU, CUDA, BUILD = (ROOT / f"requirements{part}.lock" for part in ("", "-cuda", "-build"))
PYPI = "https://pypi.org/simple"
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
TARGET = ("--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28")
FORMAT = ("--generate-hashes", "--no-header", "--no-emit-index-url", "--no-emit-find-links", "--quiet")
HEAD = "# {what}\n# Python 3.11, Linux x86_64. Written by tools/lock.py (make lock): do not edit.\n"
WHAT = {
    CPU: "Every package that NeuroFM-BIDS needs at run time, without a GPU.",
    CUDA: "What the CUDA build of PyTorch needs in addition to requirements.lock.",
    BUILD: "What builds the wheels of NeuroFM-BIDS and of packages that are published as source only.",
}


def entries(text):
    """Return the entries of a lock by the name of the package: its line, hashes and origin."""
    blocks = re.findall(r"^[A-Za-z0-9].*\n(?:[ \t].*\n)*", text, re.MULTILINE)
    return {re.match(r"[\w.-]+", block)[0]: block for block in blocks}


def version(block):
    """Return the public version of an entry."""
    return re.search(r"==([^\s+]+)", block)[1]


def without_origin(text, origin):
    """Return the text of a lock without an origin of packages."""
    text = re.sub(rf"^    #   {origin}\n", "", text, flags=re.MULTILINE)
    return re.sub(rf"^    # via {origin}\n", "", text, flags=re.MULTILINE)


def resolved(requirements, kept, constraints, *options):
    """Return the entries that uv chooses for files of requirements or lines of them.

    Parameters
    ----------
    requirements
        A path, or lines.
    kept
        Versions to keep if they fit, by name.
    constraints
        Lines that must be met.
    options
        Of uv.
    """
    with tempfile.TemporaryDirectory() as folder:
        limits, output, lines = (Path(folder, name) for name in ("limits.txt", "output.txt", "lines.in"))
        limits.write_text("\n".join(constraints))
        output.write_text("".join(f"{name}=={number}\n" for name, number in kept.items()))
        if not isinstance(requirements, Path):
            lines.write_text("\n".join(requirements))
            requirements = lines
        command = ["uv", "pip", "compile", requirements, "-o", output, "-c", limits, "--no-config"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
        subprocess.run(
            [*command, *TARGET, *FORMAT, "--default-index", PYPI, *options], check=True, env=environment
        )
        text = without_origin(output.read_text(), f"-c {limits}")
        return entries(text.replace(f"-r {lines}", "pyproject.toml"))


def with_hashes_of(block, other):
    """Return an entry with the hashes of another one as well."""
    pattern = r"--hash=sha256:[0-9a-f]{64}"
    hashes = sorted({*re.findall(pattern, block), *re.findall(pattern, other)})
    first, *rest = block.replace("+cpu", "").splitlines(keepends=True)
    origin = [line for line in rest if not re.search(pattern, line)]
    return "".join([first, " \\\n".join(f"    {item}" for item in hashes), "\n", *origin])


def write(path, blocks):
    """Write a lock, sorted by name."""
    path.write_text(HEAD.format(what=WHAT[path]) + "".join(blocks[name] for name in sorted(blocks)))


def renew(torch, torch_index, upgrade):
    """Write the three locks."""
    old = entries("".join(path.read_text() for path in WHAT if path.is_file()))
    kept = {} if upgrade else {name.lower(): version(block) for name, block in old.items()}
    project = ROOT / "pyproject.toml"
    torch = torch or version(old["torch"])
    index = ("--find-links", torch_index) if Path(torch_index).is_dir() else ("--index", torch_index)
    of_cpu = (*index, "--index-strategy", "unsafe-best-match")
    cpu = resolved(project, kept, [f"torch=={torch}+cpu"], *of_cpu)
    same = [f"{name}=={version(block)}" for name, block in cpu.items()]
    cuda = resolved(project, kept, same)
    cpu["torch"] = with_hashes_of(cpu["torch"], cuda["torch"])
    with project.open("rb") as stream:
        backend = tomllib.load(stream)["build-system"]["requires"]
    write(CPU, cpu)
    write(CUDA, {name: block for name, block in cuda.items() if name not in cpu})
    write(BUILD, resolved([*backend, "setuptools"], kept, same))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch", help="version of PyTorch, such as 2.13.0; otherwise unchanged")
    parser.add_argument(
        "--torch-index", default=TORCH_INDEX, help="package index or folder with the CPU build of PyTorch"
    )
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions of all others")
    given = parser.parse_args()
    renew(given.torch, given.torch_index, given.upgrade)
