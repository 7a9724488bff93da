"""Real memory limits: of a control group, and of the address space of a process."""

import resource
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from tests.conftest import write_t1w
from tests.faults.command import arguments, is_complete, make_dataset, run
from tests.tables import failed_rows

GROUP_BYTES = 1_300_000_000  # enough for a small brain, not for one of 70 million voxels
ADDRESS_BYTES = 2_000_000_000  # likewise, with all that the libraries map and never touch
BIG = "big"


@pytest.fixture(scope="module")
def dataset(brain_image, tmp_path_factory):
    """A small brain and the same one in voxels of half a millimetre."""
    root = make_dataset(tmp_path_factory.mktemp("memory") / "bids", brain_image, 1)
    fine = np.asarray(brain_image.dataobj).repeat(4, 0).repeat(4, 1).repeat(4, 2)
    fine += np.random.default_rng(0).integers(0, 4, fine.shape, dtype=np.int16) * (fine > 0)
    write_t1w(root, BIG, nib.Nifti1Image(fine, brain_image.affine @ np.diag([0.25, 0.25, 0.25, 1])), ".nii")
    return root


@pytest.fixture
def group():
    """A control group (v2 or v1) with a limit of memory."""
    for top, file in (("/sys/fs/cgroup", "memory.max"), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")):
        if not (Path(top) / "cgroup.procs").is_file():
            continue
        folder = Path(top) / "neurofm-fault-test"
        try:
            folder.mkdir()
            (folder / file).write_text(str(GROUP_BYTES))
        except OSError:
            continue
        yield folder
        folder.rmdir()
        return
    pytest.skip("no control group with a limit of memory can be made here (needs root)")


@pytest.mark.slow
@pytest.mark.fault("The memory limit of the job (control group) is reached", "only the large scan fails")
def test_a_control_group_kills_the_worker_of_the_large_scan(dataset, group, tmp_path):
    command = arguments(dataset, tmp_path / "out", "--nprocs", "1")
    inside = ["sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$@"', "sh", *command]
    code, said = run(inside)
    assert code == 1, said
    (row,) = failed_rows(tmp_path / "out").values()
    assert row["scan"].startswith(f"sub-{BIG}/")
    assert "the memory of the control group ran out" in row["reason"]
    assert "--mem" in row["fix"]
    assert is_complete(tmp_path / "out", "00")


@pytest.mark.slow
@pytest.mark.fault("The limit of address space (ulimit -v) is reached", "only the large scan fails")
def test_a_limit_of_address_space_fails_the_large_scan(dataset, tmp_path):
    def limited():
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_BYTES, ADDRESS_BYTES))

    code, said = run(arguments(dataset, tmp_path / "out", "--nprocs", "1"), preexec_fn=limited)
    assert code == 1, said
    (row,) = failed_rows(tmp_path / "out").values()
    assert row["scan"].startswith(f"sub-{BIG}/")
    assert "memory" in row["reason"]
    assert is_complete(tmp_path / "out", "00")
