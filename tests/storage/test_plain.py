"""Names of files and folders for other programs."""

import re
from pathlib import Path

import pytest

from neurofm_bids.storage.plain import plain_name
from tests.faults.command import HOSTILE


def test_an_ordinary_path_stays():
    plain = Path("/usr/lib")
    with plain_name(plain) as name:
        assert name == plain


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_any_other_path_gets_a_name_without_special_characters(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    before = open_files()
    with plain_name(folder) as plain:
        assert re.fullmatch(r"[a-z0-9/_-]+", str(plain), re.I)
        (plain / "file").write_text("text")
        with plain_name(folder / "file") as file:
            assert file.read_text() == "text"
    assert (folder / "file").read_text() == "text"
    assert open_files() == before


def test_what_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), plain_name(tmp_path / "a b"):
        pass
