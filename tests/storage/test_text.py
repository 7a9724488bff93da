import os

import pytest

from neurofm_bids.storage.text import decoded, printable, read_json, read_text


def test_text_is_read_without_its_byte_order_mark(tmp_path):
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfgr\xc3\xbcn\xff")
    assert read_text(tmp_path / "a", errors="replace") == "grün\ufffd"
    with pytest.raises(ValueError, match="utf-8"):
        read_text(tmp_path / "a")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (os.mkfifo, "not a regular file"),
        (lambda path: path.mkdir(), "not a regular file"),
        (lambda path: (path.touch(), os.truncate(path, 2**28 + 1)), "too large"),
        (lambda path: path.symlink_to("gone"), "No such file"),
    ],
)
def test_only_short_regular_files_are_read(tmp_path, make, message):
    make(tmp_path / "a")
    with pytest.raises(OSError, match=message):
        read_text(tmp_path / "a")


@pytest.mark.parametrize(
    ("text", "message"), [("[" * 100_000, "it is nested too deeply"), ("{", "Expecting"), ("", "Expecting")]
)
def test_what_is_not_json(tmp_path, text, message):
    (tmp_path / "a").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_json(tmp_path / "a")


def test_names_that_are_not_utf8_are_printable():
    assert printable("sub-01\udcff") == "sub-01\ufffd"


@pytest.mark.parametrize(
    ("content", "text", "line"),
    [
        (b"", "", 0),
        ("\ufeffK\u00f6ln".encode(), "Köln", 0),
        ("Köln".encode("utf-16"), "Köln", 0),
        (b"\xfe\xff" + "Köln".encode("utf-16-be"), "Köln", 0),
        (b"\xff\xfe", "", 0),
        (b"a\r\nK\xf6ln", "a\r\nKöln", 2),
    ],
)
def test_text_of_spreadsheets_and_shells_is_decoded(content, text, line):
    assert decoded(content) == (text, line)


def test_a_key_that_is_there_twice_is_refused_on_request(tmp_path):
    (tmp_path / "a").write_text('{"a": {"b": 1, "c": 2, "b": 3}}')
    assert read_json(tmp_path / "a") == {"a": {"b": 3, "c": 2}}
    with pytest.raises(ValueError, match="it has the key b twice"):
        read_json(tmp_path / "a", unique_keys=True)
