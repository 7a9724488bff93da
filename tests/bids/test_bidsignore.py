import os
from pathlib import Path

import pytest

from neurofm_bids.bids.bidsignore import read_bidsignore

PATH = "sub-01/anat/sub-01_run-1_T1w.nii.gz"


@pytest.mark.parametrize(
    ("text", "is_ignored"),
    [
        ("", False),
        ("# *_T1w*\n\n", False),
        ("*_run-1_*", True),
        ("*_run-2_*", False),
        ("sub-01", True),
        ("sub-01/", True),
        ("/sub-01", True),
        ("anat/", True),
        ("/anat/", False),
        ("sub-01/*", True),
        ("sub-01/*.nii.gz", False),
        ("sub-01/**/*.nii.gz", True),
        ("sub-01/**", True),
        ("**/anat", True),
        ("**/sub-01_run-1_T1w.nii.gz", True),
        ("sub-0[1-3]/anat", True),
        ("sub-0[!1]", False),
        ("sub-0?", True),
        ("sub-?1_*", True),
        ("sub-?2_*", False),
        (r"\#*\n\!*", False),
        ("[\n[a\n[9-1]*", False),
        ("**/" * 200 + "*_T1w.nii.gz", True),
        ("**/x/" * 200, False),
        ("*a" * 100, False),
        ("*0*1*" * 50, False),
        ("*_T1w.nii.gz/", False),
        ("*_T1w.nii.gz  ", True),
        ("*_T1w.nii.gz\n!*_run-1_*", False),
        ("sub-01/\n!*_run-1_*", True),
        ("sub-0[9-1]\nanat", True),
        ("*/*/*_T1w.nii.gz", True),
        ("*/*/anat", False),
        ("sub-0[^1]", False),
        ("sub-0[^2]", True),
        ("sub-01/anat/**\n!sub-01/anat/*T1w*", False),
        ("sub-01/**\n!sub-01/anat\n!sub-01/anat/*T1w*", False),
        (r"sub\-01", False),
        ("/", False),
        ("!\n!/\n//", False),
        ("sub-01\n!/", True),
        ("sub-01//anat", False),
        ("//sub-01", False),
        ("sub-01//", False),
        ("***/anat", True),
        ("***/*_run-1_*", True),
        ("sub-01/***", True),
        ("sub-01/***/*_run-1_*", True),
        ("***", True),
        ("sub-[[:digit:]]*", True),
        ("sub-[![:digit:]]*", False),
        ("sub-[^[:alpha:]]*", True),
        ("sub-0[a[:digit:]b]", True),
        ("sub-0[[:alpha:]]", False),
        ("*_run-[[:alnum:]]_*", True),
        ("sub-0[:digit:]", False),
        ("[[:upper:]]*", False),
        (r"\*_run-1_*", False),
    ],
)
def test_patterns_are_those_of_gitignore(tmp_path, text, is_ignored):
    (tmp_path / ".bidsignore").write_text(text)
    assert read_bidsignore(tmp_path)(PATH) is is_ignored


def test_a_dataset_without_patterns_ignores_nothing(tmp_path, caplog):
    assert not read_bidsignore(tmp_path)(PATH)
    assert caplog.text == ""


@pytest.mark.parametrize(
    "make", [os.mkfifo, Path.mkdir, lambda path: path.write_bytes(b"\xff")], ids=["pipe", "folder", "bytes"]
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, caplog, make):
    make(tmp_path / ".bidsignore")
    assert not read_bidsignore(tmp_path)(PATH)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert ".bidsignore is not honored: it cannot be read" in record.getMessage()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("/annex/objects/MD5E-s9--0\n", "Run: datalad get"),
        ("sub-01\\_x\n", "the escape in 'sub-01"),
        ("\\*\n", "the escape in "),
        ("sub-[[:punct:]0]*\n", "the class of characters in 'sub-[[:punct:]0]*' is not known"),
    ],
)
def test_what_is_not_honored_is_named(tmp_path, caplog, text, message):
    (tmp_path / ".bidsignore").write_text(text)
    assert not read_bidsignore(tmp_path)(PATH)
    assert message in caplog.text


@pytest.mark.parametrize("line", ["/", "!/", "//", "sub-01//anat"])
def test_patterns_without_a_path_ignore_nothing(tmp_path, line):
    (tmp_path / ".bidsignore").write_text(f"{line}\n")
    assert not read_bidsignore(tmp_path)(PATH)
