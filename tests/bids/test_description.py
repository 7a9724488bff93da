import os
from pathlib import Path

import pytest

from neurofm_bids.bids.description import description_problem

_SKIP = "or use --skip-bids-validation."


@pytest.mark.parametrize(
    ("make", "what", "fix"),
    [
        (lambda path: None, "is missing", f"Add it, {_SKIP}"),
        (b'{"Name": ', "is not valid JSON", f"Fix it, {_SKIP}"),
        (b"", "is not valid JSON", f"Fix it, {_SKIP}"),
        (b'{"Name": "\xff"}', "is not valid JSON", f"Fix it, {_SKIP}"),
        (b"[" * 100_000, "is not valid JSON", f"Fix it, {_SKIP}"),
        (Path.mkdir, "cannot be read (this is not a regular file)", "Check the file."),
        (os.mkfifo, "cannot be read (this is not a regular file)", "Check the file."),
        (
            lambda path: path.symlink_to("nowhere"),
            "cannot be read (No such file or directory)",
            "Check the file.",
        ),
        (b"[]", "lacks Name or BIDSVersion", f"Fix it, {_SKIP}"),
        (b'{"Name": "x"}', "lacks Name or BIDSVersion", f"Fix it, {_SKIP}"),
        (
            b'{"Name": "x", "BIDSVersion": "1.9.0", "DatasetType": "derivative"}',
            "has a DatasetType other than raw",
            f"Fix it, {_SKIP}",
        ),
    ],
)
def test_what_is_wrong_is_said(tmp_path, make, what, fix):
    path = tmp_path / "dataset_description.json"
    path.write_bytes(make) if isinstance(make, bytes) else make(path)
    expected = f"this is not a raw BIDS dataset: dataset_description.json {what}"
    assert description_problem(path) == (expected, fix)


def test_one_that_is_not_fetched_says_how_to_fetch_it(tmp_path):
    path = tmp_path / "dataset_description.json"
    path.write_bytes(b"/annex/objects/MD5E-s9--0.json")
    what = "dataset_description.json has not been downloaded"
    assert description_problem(path) == (what, f"Run: datalad get {path}")


@pytest.mark.parametrize("more", ["", ', "DatasetType": "raw"'])
def test_a_raw_dataset_has_no_problem(tmp_path, more):
    path = tmp_path / "dataset_description.json"
    path.write_text(f'{{"Name": "x", "BIDSVersion": "1.9.0"{more}}}')
    assert description_problem(path) is None
