"""What is made of an error in a step."""

import errno
import json
import os

import pytest

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.pipeline.step import write_failure

MEMORY = "the memory that this process may use ran out"


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (MemoryError("Unable to allocate 2 GiB"), Exit.DATA, MEMORY),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), Exit.DATA, MEMORY),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), Exit.DATA, MEMORY),
        (RuntimeError("std::bad_alloc"), Exit.DATA, MEMORY),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), Exit.IO, "the disk is full"),
        (OSError(errno.ESTALE, os.strerror(errno.ESTALE)), Exit.IO, "stale file handle"),
        (FileNotFoundError(errno.ENOENT, "No such file", "/data/x.nii"), Exit.DATA, "vanished: /data/x.nii"),
        (NeuroFMError("all voxels are zero"), Exit.DATA, "all voxels are zero"),
        (KeyError("x"), Exit.SOFTWARE, "KeyError"),
        (RuntimeError("a misallocation of blame"), Exit.SOFTWARE, "RuntimeError"),
    ],
)
def test_a_failure_says_what_and_whose_it_is(tmp_path, error, code, words):
    write_failure(tmp_path, error)
    record = json.loads((tmp_path / "failure.json").read_text())
    assert words in record["reason"]
    assert record["code"] == code
    assert bool(record["traceback"]) == (code == Exit.SOFTWARE)
