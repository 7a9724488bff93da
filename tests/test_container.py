"""The container image as users run it: unprivileged user, read-only root, no network, no capabilities.

``NEUROFM_IMAGE`` names a built image; without it one is built here. ``NEUROFM_BUILD`` holds options for that,
such as ``--network host --build-arg TORCH_INDEX=URL``.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import write_dataset_files, write_t1w

ROOT = Path(__file__).resolve().parents[1]
HARDENED = (
    "--rm",
    *("--network", "none"),
    "--read-only",
    *("--tmpfs", "/tmp"),
    *("--cap-drop", "ALL"),
    *("--security-opt", "no-new-privileges"),
)


def engine(*arguments, **options):
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, **options)


def lines_of(name, start):
    """Return the lines of a file of the repository that begin with a word."""
    path = ROOT / name
    if not path.is_file():
        pytest.skip(f"{name} is not part of an installed package")
    return [line.strip() for line in path.read_text().splitlines() if line.strip().startswith(start)]


def test_the_image_is_of_an_ordinary_user_by_number():
    (user,) = lines_of("Dockerfile", "USER ")
    uid = re.fullmatch(r"USER (\d+):\d+", user)
    assert uid, user
    assert int(uid.group(1)) > 0


@pytest.mark.parametrize("name", ["Dockerfile", "Singularity.def"])
def test_the_images_take_the_packages_of_the_lock(name):
    options = "".join(lines_of(name, "options="))
    text = "\n".join(lines_of(name, "")).replace("\\\n", "").replace("$options", options)
    installs = re.findall(r"pip install.*", text)
    assert len(installs) >= 2
    assert [command for command in installs if "-c /src/requirements.lock" not in command] == []
    assert lines_of(".dockerignore", "!requirements.lock")


@pytest.mark.slow
def test_the_dockerfile_passes_its_linter():
    beside = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    tool = shutil.which("hadolint", path=beside) or pytest.skip("hadolint is not installed")
    done = subprocess.run(
        [tool, "--failure-threshold", "error", ROOT / "Dockerfile"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="session")
def image():
    if shutil.which("docker") is None:
        pytest.skip("there is no docker command")
    answer = engine("info")
    if answer.returncode:
        pytest.skip(f"no container engine answers: {answer.stderr.strip()[-200:]}")
    given = os.environ.get("NEUROFM_IMAGE")
    if given:
        return given
    options = shlex.split(os.environ.get("NEUROFM_BUILD", ""))
    built = engine("build", "-t", "neurofm-bids:test", *options, str(ROOT))
    assert built.returncode == 0, built.stderr[-3000:]
    return "neurofm-bids:test"


@pytest.fixture(scope="session")
def inside(image):
    """Return a function that runs Python in the hardened image and returns what it prints."""

    def run(code, *options):
        command = ("run", *HARDENED, *options, "--entrypoint", "python", image, "-c", code)
        done = engine(*command)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


STATUS = """
import json, os
fields = dict(line.split(':', 1) for line in open('/proc/self/status') if ':' in line)
print(json.dumps({'uid': os.getuid(), 'caps': fields['CapEff'].strip(), 'new': fields['NoNewPrivs'].strip()}))
"""
WRITE = """
import os, pathlib, neurofm_bids
for folder in ('/', '/usr/local/bin', '/etc', pathlib.Path(neurofm_bids.__file__).parent):
    try:
        open(f'{folder}/x', 'w')
    except OSError as error:
        print(error.errno)
open('/tmp/x', 'w')
"""


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.parametrize(("options", "uid"), [((), 1000), (("-u", "4321:4321"), 4321)])
@pytest.mark.fault(
    "malicious code runs in the container", "it has no privileges, no network and no place to write"
)
def test_processes_in_the_image_have_no_rights(inside, options, uid):
    assert json.loads(inside(STATUS, *options)) == {"uid": uid, "caps": "0" * 16, "new": "1"}
    assert set(inside(WRITE, *options).split()) <= {"13", "30"}  # permission denied, read-only
    assert len(inside(WRITE, *options).split()) == 4
    assert inside("import os; print(os.listdir('/sys/class/net'))", *options) == "['lo']"


@pytest.mark.docker
@pytest.mark.slow
def test_the_root_belongs_to_nobody_who_runs_it(image):
    """Also where the root is not mounted read-only, the program cannot be changed."""
    find = shlex.split("/usr /etc /opt /var ! -type l ! -perm /1000 ( -perm -o+w -o -uid 1000 )")
    done = engine("run", "--rm", "--network", "none", "--entrypoint", "find", image, *find)
    assert done.stdout.split() == []
    assert [line for line in done.stderr.splitlines() if "Permission denied" not in line] == []


@pytest.mark.docker
@pytest.mark.slow
def test_the_image_holds_the_packages_of_the_lock(inside):
    code = "from importlib.metadata import distributions as all; import json;"
    found = json.loads(inside(code + "print(json.dumps({d.name: d.version.split('+')[0] for d in all()}))"))
    lines = [line for line in lines_of("requirements.lock", "") if line and not line.startswith("#")]
    pins = dict(line.split("==") for line in lines)
    assert {name: found.get(name) for name in pins} == pins
    assert set(found) <= {"pip", "wheel", "neurofm-bids", *pins}


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.parametrize(("options", "uid"), [((), 1000), (("-u", "4321:4321"), 4321)])
def test_a_scan_is_processed_by_an_ordinary_user(image, brain_image, tmp_path, options, uid):
    if os.geteuid() not in {0, uid}:
        pytest.skip(f"only root or {uid} can make a folder for user {uid}")
    root = write_dataset_files(tmp_path / "bids")
    write_t1w(root, "01", brain_image)
    out = tmp_path / "out"
    out.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(out, uid, uid)
    mounts = ("-v", f"{root}:/data:ro", "-v", f"{out}:/out")
    done = engine("run", *HARDENED, *options, *mounts, image, "/data", "/out", "participant", "group")
    assert done.returncode == 0, done.stderr[-3000:]
    written = list(out.rglob("*"))
    assert {path.stat().st_uid for path in written} == {uid}
    assert {"sub-01.html", "group_desc-openS.html"} <= {path.name for path in written}
    assert sorted(path.name for path in root.rglob("*") if path.is_file()) == [
        "README",
        "dataset_description.json",
        "sub-01_T1w.nii.gz",
    ]
