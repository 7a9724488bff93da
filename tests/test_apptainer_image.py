"""The Apptainer image: its own test, and the bytes of a local run without network, home and environment.

``NEUROFM_SIF`` names a built image, a file or a folder; without it one is built here, which takes minutes.
``NEUROFM_BUILD_SIF`` has options for that, such as ``--build-arg TORCH_INDEX=URL``. ``NEUROFM_APPTAINER`` is
the command where it is not ``apptainer`` or ``singularity``.
"""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from neurofm_bids import __version__
from tests.conftest import write_dataset_files, write_t1w
from tests.parity import FACTS, LEVELS, ROOT, contents, differences, need_the_same_programs, run_here

pytestmark = [pytest.mark.apptainer, pytest.mark.slow, pytest.mark.timeout(3600)]

# As an ordinary user may: in a user namespace, without network, home and environment.
CLOSED = ("--userns", "--net", "--network", "none", "--containall", "--cleanenv")


@pytest.fixture(scope="module")
def apptainer():
    """Return a function that runs Apptainer and returns what became of it."""
    words = shlex.split(os.environ.get("NEUROFM_APPTAINER", ""))
    path = next(filter(None, map(shutil.which, ("apptainer", "singularity"))), None)
    command = words or [path or pytest.skip("there is neither an apptainer nor a singularity command")]

    def run(*arguments):
        words = [*command, *map(str, arguments)]
        return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)

    answer = run("--version")
    if answer.returncode:
        pytest.skip(f"{command[0]} does not run: {answer.stderr.strip()[-200:]}")
    return run


@pytest.fixture(scope="module")
def image(apptainer, tmp_path_factory):
    given = os.environ.get("NEUROFM_SIF")
    if given:
        return Path(given)
    made = tmp_path_factory.mktemp("image") / "neurofm.sif"
    options = shlex.split(os.environ.get("NEUROFM_BUILD_SIF", ""))
    built = apptainer("build", "--fakeroot", *options, made, ROOT / "Singularity.def")
    assert built.returncode == 0, built.stderr[-3000:]
    return made


def test_the_image_passes_its_own_test(apptainer, image):
    done = apptainer("test", *CLOSED, image)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Scans: 1 in the group tables, 0 missing." in done.stdout + done.stderr


def test_the_image_says_what_it_is_and_how_to_run_it(apptainer, image):
    labels = apptainer("inspect", "--labels", image).stdout
    assert f"org.opencontainers.image.version: {__version__}\n" in labels
    assert "org.opencontainers.image.licenses: Apache-2.0\n" in labels
    assert "not for clinical use" in apptainer("run-help", image).stdout


def test_an_error_has_its_exit_code(apptainer, image):
    done = apptainer("run", *CLOSED, image, "/nowhere", "/tmp/out", "participant")
    assert (done.returncode, "dataset not found" in done.stderr) == (66, True), done.stderr


def test_it_gives_the_bytes_of_a_local_run(apptainer, image, brain_image, tmp_path):
    facts = apptainer("exec", *CLOSED, image, "python", "-c", FACTS)
    assert facts.returncode == 0, facts.stderr
    need_the_same_programs(facts.stdout.strip())
    data = write_dataset_files(tmp_path / "data", "participant_id\tage\nsub-01\t40\n")
    write_t1w(data, "01", brain_image)
    run_here(data, tmp_path / "local", tmp_path / "work")
    for name in ("out", "scratch"):
        (tmp_path / name).mkdir()
    binds = ("-B", f"{data}:/data:ro", "-B", f"{tmp_path}/out:/out", "-B", f"{tmp_path}/scratch:/scratch")
    done = apptainer("run", *CLOSED, *binds, image, "/data", "/out", *LEVELS, "-w", "/scratch")
    assert done.returncode == 0, done.stderr[-3000:]
    found, container = contents(tmp_path / "out")
    assert differences(found, contents(tmp_path / "local")[0]) == []
    assert container == {"Type": "singularity", "URI": image.name}
