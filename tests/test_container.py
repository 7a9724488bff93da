"""The container image as users run it: unprivileged user, read-only root, no network, no capabilities.

``NEUROFM_IMAGE`` names a built image; without it one is built here. ``NEUROFM_BUILD`` holds options for that,
such as ``--network host --build-arg TORCH_INDEX=URL``. Building takes minutes.
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

from neurofm_bids import __version__
from tests.conftest import write_dataset_files, write_t1w
from tests.locked import locked, plain
from tests.parity import FACTS, LEVELS, contents, differences, need_the_same_programs, run_here

ROOT = Path(__file__).resolve().parents[1]
HARDENED = (
    "--rm",
    *("--network", "none"),
    "--read-only",
    *("--tmpfs", "/tmp"),
    *("--cap-drop", "ALL"),
    *("--security-opt", "no-new-privileges"),
)


def engine(*arguments):
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)


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


def text_of(name):
    """Return a file of the repository with continued lines joined."""
    return "\n".join(lines_of(name, "")).replace("\\\n", "")


def test_both_images_are_made_by_one_script_from_the_same_files():
    copied = [word for line in lines_of("Dockerfile", "COPY ") for word in line.split()[1:-1]]
    section = text_of("Singularity.def").split("%files\n")[1].split("\n\n")[0]
    sources = [line.split()[0] for line in section.splitlines()]
    assert sorted(copied) == sorted([*sources, "--from=build", "/opt/neurofm"])
    for name in ("Dockerfile", "Singularity.def"):
        assert "sh /src/install.sh /src /opt/neurofm" in text_of(name)
        assert "pip install" not in text_of(name)
    allowed = {line[1:] for line in lines_of(".dockerignore", "!")}
    assert {word for word in sources if not re.fullmatch(r"requirements.*\.lock", word)} < allowed
    assert "requirements*.lock" in allowed


def test_the_script_installs_only_what_is_locked_with_hashes():
    pips = re.findall(r"^\$pip (.*)", text_of("tools/install.sh"), re.MULTILINE)
    download, tools, wheels, own, last = pips
    assert download.startswith("download --no-deps --only-binary :all:")  # nothing of it is executed
    assert "--require-hashes" in tools
    assert "--require-hashes" in wheels
    assert own.endswith('--no-deps --wheel-dir "$scratch/wheels" "$source"')
    assert "--no-build-isolation" in wheels
    assert "--no-build-isolation" in own
    assert "--no-index" in last


def test_a_device_that_the_script_does_not_know_is_an_error(tmp_path):
    script = ROOT / "tools" / "install.sh"
    if not script.is_file():
        pytest.skip("tools/install.sh is not part of an installed package")
    command = ["sh", script, ROOT, tmp_path / "environment", "gpu"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (64, "install.sh: the device is cpu or cuda, not gpu\n")
    assert list(tmp_path.iterdir()) == []


def test_both_images_have_the_same_variables_and_labels():
    docker, apptainer = text_of("Dockerfile"), text_of("Singularity.def")
    variables = dict(re.findall(r"(\w+)=(\S+)", docker.split("ENV ")[1].split("\n")[0]))
    assert variables.pop("HOME") == "/tmp"  # Apptainer sets its own
    assert variables == dict(re.findall(r"export (\w+)=(\S+)", apptainer))
    of_docker = dict(re.findall(r'(org\.\S+)="([^"]+)"', docker))
    of_apptainer = dict(re.findall(r"^(org\.\S+) (.+)", apptainer, re.MULTILINE))
    assert of_docker.pop("org.opencontainers.image.base.name").split("/")[-1] in docker
    assert of_docker == of_apptainer
    assert of_docker["org.opencontainers.image.version"] == __version__
    assert f"NEUROFM_DOCKER_TAG=neurofm-bids:{__version__}\n" in docker


def test_the_dockerfile_passes_its_linter():
    beside = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    tool = shutil.which("hadolint", path=beside) or pytest.skip("hadolint is not installed")
    done = subprocess.run([tool, ROOT / "Dockerfile"], capture_output=True, text=True)
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
    found = json.loads(inside(code + "print(json.dumps({d.name: d.version for d in all()}))"))
    found = {plain(name): number for name, number in found.items()}
    assert found.pop("neurofm-bids") == __version__
    pins = {name: pin.version for name, pin in locked().items()}
    assert found["torch"] == pins["torch"] + "+cpu"
    assert found | {"torch": pins["torch"]} == pins


@pytest.mark.docker
@pytest.mark.slow
def test_the_image_is_labelled_and_not_larger_than_documented(image):
    (about,) = json.loads(engine("image", "inspect", image).stdout)
    assert about["Size"] < 2.2e9
    labels = about["Config"]["Labels"]
    assert labels["org.opencontainers.image.version"] == __version__
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert about["Config"]["Entrypoint"] == ["neurofm"]


def writable_by(uid, folder, mode=0o700):
    """Make a folder of an ordinary user, and return it."""
    if os.geteuid() not in {0, uid}:
        pytest.skip(f"only root or {uid} can make a folder for user {uid}")
    folder.mkdir(mode=mode)
    if os.geteuid() == 0:
        os.chown(folder, uid, uid)
    return folder


@pytest.mark.docker
@pytest.mark.slow
def test_the_demonstration_runs_within_the_image_alone(image, tmp_path):
    out = writable_by(4321, tmp_path / "out")
    options = (*HARDENED, "-u", "4321:4321", "-v", f"{out}:/out")
    made = engine("run", *options, "--entrypoint", "neurofm-tools", image, "demo", "/out/bids")
    assert (made.returncode, made.stdout) == (0, "/out/bids\n"), made.stderr
    cheap = ("--views", "1", "--no-anatomy", "-w", "/out/work")
    done = engine("run", *options, image, "/out/bids", "/out/derivatives", *LEVELS, *cheap)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Scans: 1 in the group tables" in done.stderr
    assert {path.stat().st_uid for path in out.rglob("*")} == {4321}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory, brain_image):
    root = write_dataset_files(tmp_path_factory.mktemp("in") / "data", "participant_id\tage\nsub-01\t40\n")
    write_t1w(root, "01", brain_image)
    return root


@pytest.fixture(scope="module")
def local(dataset, inside):
    """The outputs of this machine, made with the same programs."""
    need_the_same_programs(inside(FACTS))
    run_here(dataset, dataset.parent / "out", dataset.parent / "work")
    return contents(dataset.parent / "out")[0]


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("options", "uid"), [((), 1000), (("-u", "4321:4321"), 4321)])
def test_an_ordinary_user_gets_the_bytes_of_a_local_run(image, dataset, local, tmp_path, options, uid):
    out, work = (writable_by(uid, tmp_path / name) for name in ("out", "work"))
    mounts = ("-v", f"{dataset}:/data:ro", "-v", f"{out}:/out", "-v", f"{work}:/work")
    done = engine("run", *HARDENED, *options, *mounts, image, "/data", "/out", *LEVELS, "-w", "/work")
    assert done.returncode == 0, done.stderr[-3000:]
    assert {path.stat().st_uid for path in out.rglob("*")} == {uid}
    found, container = contents(out)
    assert differences(found, local) == []
    assert container == {"Type": "docker", "Tag": f"neurofm-bids:{__version__}"}
    assert sorted(path.name for path in dataset.rglob("*") if path.is_file()) == [
        "README",
        "dataset_description.json",
        "participants.tsv",
        "sub-01_T1w.nii.gz",
    ]
