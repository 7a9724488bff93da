import pytest

from neurofm_bids.bids.sidecars import read_metadata
from neurofm_bids.errors import NeuroFMError


def read(folder, text):
    (folder / "T1w.json").write_bytes(text)
    return read_metadata(folder / "sub-01_T1w.nii.gz", folder)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a": NaN, "b": 1}', {"b": 1}),
        (b'{"a": [1, -Infinity], "b": 1e999, "c": {"d": [NaN]}, "e": 2}', {"e": 2}),
        (b'{"a": "x\\ud800"}', {"a": "x?"}),
        (b'\xef\xbb\xbf{"a": [1, {"b": null}]}', {"a": [1, {"b": None}]}),
    ],
)
def test_what_json_does_not_have_is_left_out(tmp_path, text, value):
    assert read(tmp_path, text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "is not valid JSON"),
        (b'{"a": "\xff"}', "is not valid JSON"),
        (b"[1]", "is not a JSON object"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not valid JSON"),
        (b'{"a": ' + b"[" * 60 + b"]" * 60 + b"}", "nested too deeply"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_refused(tmp_path, text, message):
    with pytest.raises(NeuroFMError, match=message) as error:
        read(tmp_path, text)
    assert error.value.where == tmp_path / "T1w.json"


def test_a_sidecar_that_has_not_been_fetched(tmp_path):
    (tmp_path / "T1w.json").symlink_to(".git/annex/objects/x")
    with pytest.raises(NeuroFMError, match=r"the sidecar T1w\.json has not been downloaded") as error:
        read_metadata(tmp_path / "sub-01_T1w.nii.gz", tmp_path)
    assert "datalad get" in error.value.fix
