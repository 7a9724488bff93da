import json

import pytest

from neurofm_bids.bids.filters import parse_labels, read_filter_file
from neurofm_bids.errors import Exit, NeuroFMError


def test_labels_from_a_file(tmp_path):
    (tmp_path / "labels.txt").write_text("sub-01\n02\n\n")
    assert parse_labels([str(tmp_path / "labels.txt"), "ses-b", "02"]) == ("01", "02", "b")


def test_filter_file(tmp_path):
    path = tmp_path / "filter.json"
    path.write_text(json.dumps({"t1w": {"acquisition": "mprage", "datatype": "anat"}}))
    assert read_filter_file(path) == (("acquisition", "mprage"),)
    path.write_text(json.dumps({"t1w": {"acquisitions": "mprage"}}))
    with pytest.raises(NeuroFMError, match="unknown filter acquisitions") as error:
        read_filter_file(path)
    assert error.value.code is Exit.USAGE


@pytest.mark.parametrize("text", ["", "{", "[]", '{"t1w": [1]}', "[" * 100_000])
def test_filter_files_that_cannot_be_read(tmp_path, text):
    path = tmp_path / "filter.json"
    path.write_text(text)
    with pytest.raises(NeuroFMError, match="the filter file cannot be read") as error:
        read_filter_file(path)
    assert error.value.code is Exit.USAGE


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file holds no label"),
        (b"\n \n", "the file holds no label"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_a_file_of_labels_never_stands_for_everybody(tmp_path, content, message):
    (tmp_path / "labels.txt").write_bytes(content)
    with pytest.raises(NeuroFMError, match=message) as error:
        parse_labels([str(tmp_path / "labels.txt")])
    assert error.value.code is Exit.USAGE


@pytest.mark.parametrize("value", ["l" * 5000, "..", "a\0b"])
def test_labels_that_are_no_file_names(value):
    assert parse_labels([value]) == (value,)
