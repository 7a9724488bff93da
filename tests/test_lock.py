"""The locks hold what pyproject.toml and the images need, with hashes, and nothing else."""

import importlib.util
import tomllib
from importlib.metadata import distributions

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.version import Version

from tests.locked import ROOT, locked, plain

CPU, CUDA, BUILD = "requirements.lock", "requirements-cuda.lock", "requirements-build.lock"
PROJECT = "neurofm-bids (pyproject.toml)"
TARGET = {"python_version": "3.11", "sys_platform": "linux", "platform_system": "Linux", "extra": ""}


@pytest.fixture(scope="module")
def tool():
    path = ROOT / "tools" / "lock.py"
    if not path.is_file():
        pytest.skip("tools/lock.py is not part of an installed package")
    spec = importlib.util.spec_from_file_location("lock", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def check(requirement, pins):
    needed = Requirement(requirement)
    pin = pins.get(plain(needed.name))
    assert pin, f"{requirement} is not locked: make lock"
    assert pin.version in needed.specifier, f"{requirement}, locked: {pin.version}: make lock"


def test_what_the_project_needs_is_locked_within_its_bounds():
    pins, needed = locked(CPU), project()["project"]["dependencies"]
    for requirement in needed:
        check(requirement, pins)
    direct = {name for name, pin in pins.items() if PROJECT in pin.origins}
    assert direct == {plain(Requirement(line).name) for line in needed}


def test_what_builds_the_project_is_locked():
    pins = locked(BUILD)
    for requirement in [*project()["build-system"]["requires"], "setuptools"]:
        check(requirement, pins)


@pytest.mark.parametrize("name", [CPU, CUDA, BUILD])
def test_every_package_has_a_public_version_hashes_and_an_origin(name):
    pins = locked(name)
    assert {key for key, pin in pins.items() if not pin.hashes} == set()
    assert {key for key, pin in pins.items() if Version(pin.version).local} == set()
    known = {*pins, *locked(CPU)}
    for key, pin in pins.items():
        assert pin.origins, key
        assert {plain(o) for o in pin.origins if "pyproject.toml" not in o} <= known, key


def test_the_locks_agree():
    cpu, cuda, build = map(locked, (CPU, CUDA, BUILD))
    assert not set(cpu) & set(cuda)
    assert {key for key in set(cpu) & set(build) if cpu[key].version != build[key].version} == set()
    assert "triton" in cuda
    assert [key for key in cpu if key.startswith("nvidia")] == []


def test_what_locked_packages_need_is_locked():
    """Of those that are installed here in the locked version: nothing is left for pip to choose."""
    pins = locked(CPU)
    marks = default_environment() | TARGET
    checked = 0
    for package in distributions():
        pin = pins.get(plain(package.name))
        if pin is None or Version(package.version).public != Version(pin.version).public:
            continue
        checked += 1
        for line in package.requires or []:
            needed = Requirement(line)
            if plain(package.name) != "torch" and (needed.marker is None or needed.marker.evaluate(marks)):
                check(line, pins)
    assert checked > 0


def test_the_tool_reads_its_own_files_in_full(tool):
    for path, what in tool.WHAT.items():
        blocks = tool.entries(path.read_text())
        assert tool.HEAD.format(what=what) + "".join(blocks.values()) == path.read_text()
        assert list(blocks) == sorted(blocks)


def test_hashes_of_two_builds_are_joined_under_the_public_version(tool):
    a, b = (f"--hash=sha256:{letter * 64}" for letter in "ab")
    ours = f"torch==2.13.0+cpu \\\n    {b}\n    # via deepbet\n"
    theirs = f"torch==2.13.0 \\\n    {a} \\\n    {b}\n    # via deepbet\n"
    assert tool.with_hashes_of(ours, theirs) == theirs
    assert tool.version(ours) == "2.13.0"


def test_origins_of_constraints_are_not_written(tool):
    text = "a==1 \\\n    # via\n    #   -c /t/limits\n    #   b\nb==1 \\\n    # via -c /t/limits\n"
    assert tool.without_origin(text, "-c /t/limits") == "a==1 \\\n    # via\n    #   b\nb==1 \\\n"
