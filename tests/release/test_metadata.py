"""The version, the metadata of a release, and what its files hold."""

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from datetime import date
from pathlib import Path

import pytest
import yaml

from neurofm_bids import __version__

ROOT = Path(__file__).resolve().parents[2]


def text_of(name):
    path = ROOT / name
    if not path.is_file():
        pytest.skip(f"{name} is not part of an installed package")
    return path.read_text("utf-8")


def test_the_version_is_a_semantic_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", __version__)


def test_the_build_reads_the_version_from_the_package():
    settings = tomllib.loads(text_of("pyproject.toml"))
    assert "version" not in settings["project"]
    assert settings["project"]["dynamic"] == ["version"]
    assert settings["tool"]["hatch"]["version"]["path"] == "neurofm_bids/__init__.py"


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("CITATION.cff", r"^version: (\S+)$"),
        ("CHANGES.md", r"^## (\S+) \("),
        ("Dockerfile", r"^ARG NEUROFM_DOCKER_TAG=neurofm-bids:(\S+)$"),
        ("README.md", r"^Version (\S+), "),
        ("docs/installation.md", r"`NEUROFM_DOCKER_TAG` \| `neurofm-bids:([^`]+)`"),
    ],
)
def test_the_version_is_the_same_everywhere(name, pattern):
    found = re.search(pattern, text_of(name), re.MULTILINE)
    assert found, f"{name} does not state the version"
    assert found[1] == __version__, f"{name}: set it to the version in neurofm_bids/__init__.py"


def test_files_of_a_release_have_the_version_in_their_names():
    text_of("Makefile")
    if not shutil.which("make"):
        pytest.skip("needs make")
    done = subprocess.run(["make", "-n", "sbom"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert f" dist/neurofm-bids-{__version__}.cdx.json requirements.lock" in done.stdout
    assert f'version = "{__version__}"/' in done.stdout


def test_tools_of_a_release_are_pinned():
    lines = [line for line in text_of("release/tools.txt").splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w-]+==[\d.]+", line) for line in lines)
    wanted = re.findall(r"\$\(call tools,([^)]*)\)", text_of("Makefile"))
    assert {line.partition("==")[0] for line in lines} == {name for names in wanted for name in names.split()}


def test_changes_are_headed_by_versions_from_the_newest():
    headings = re.findall(r"^## (.*)$", text_of("CHANGES.md"), re.MULTILINE)
    parts = [re.fullmatch(r"(\d+)\.(\d+)\.(\d+) \((unreleased|\d{4}-\d\d-\d\d)\)", each) for each in headings]
    assert all(parts), f"a heading is VERSION (YYYY-MM-DD) or VERSION (unreleased): {headings}"
    versions = [tuple(map(int, part.groups()[:3])) for part in parts]
    assert versions == sorted(set(versions), reverse=True)
    assert [part[4] for part in parts[1:]].count("unreleased") == 0


def test_the_citation_has_what_its_readers_need():
    cited = yaml.safe_load(text_of("CITATION.cff"))
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    for field in ("message", "title", "abstract"):
        assert cited[field].strip(), field
    assert (cited["cff-version"], cited["type"]) == ("1.2.0", "software")
    assert cited["license"] == project["license"]
    assert cited["keywords"] == project["keywords"]
    assert [author["name"] for author in cited["authors"]] == [each["name"] for each in project["authors"]]
    for reference in cited["references"]:
        assert {"type", "title", "authors"} <= set(reference)
        assert re.fullmatch(r"10\.\d{4,9}/\S+", reference["doi"])


def test_a_released_version_has_its_date_in_the_citation_and_in_the_changes():
    released = yaml.safe_load(text_of("CITATION.cff")).get("date-released")
    stated = re.search(r"^## \S+ \((.*)\)$", text_of("CHANGES.md"), re.MULTILINE)[1]
    assert stated == (released.isoformat() if isinstance(released, date) else "unreleased")


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """Build the wheel and the source distribution, and return their folder."""
    pytest.importorskip("hatchling", reason="needs hatchling, which makes the wheel")
    text_of("pyproject.toml")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def files_of(folder):
    paths = (path for path in (ROOT / folder).rglob("*") if path.is_file())
    return {path.relative_to(ROOT).as_posix() for path in paths if "__pycache__" not in path.parts}


def test_the_wheel_holds_the_whole_package_and_nothing_else(distributions):
    with zipfile.ZipFile(distributions / f"neurofm_bids-{__version__}-py3-none-any.whl") as wheel:
        names = set(wheel.namelist())
        metadata = wheel.read(f"neurofm_bids-{__version__}.dist-info/METADATA").decode()
    about = {name for name in names if name.startswith(f"neurofm_bids-{__version__}.dist-info/")}
    assert names - about == files_of("neurofm_bids")
    assert f"\nVersion: {__version__}\n" in metadata
    licenses = {name.partition("/licenses/")[2] for name in about if "/licenses/" in name}
    theirs = {name for name in files_of("neurofm_bids") if "LICENSE" in name}
    assert licenses == {"LICENSE", *theirs}


def test_the_source_distribution_holds_what_its_tests_and_pages_need(distributions):
    with tarfile.open(distributions / f"neurofm_bids-{__version__}.tar.gz") as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert files_of("neurofm_bids") | files_of("tests") <= names
    pages = {page for page in files_of("docs") if not page.startswith("docs/_build/")}
    assert pages <= names
    assert {"CITATION.cff", "CONTRIBUTING.md", "Dockerfile", "Makefile", "requirements.lock"} <= names
