"""TOML files as records; files of tasks test more of it."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from neurofm_bids.bids.toml_file import parse_toml, read_toml
from neurofm_bids.errors import Exit, NeuroFMError


@dataclass(frozen=True)
class Inner:
    numbers: tuple[int, ...] = (2, 8)
    share: float = 0.5
    is_on: bool = False


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner | None = None


def record(text):
    file = parse_toml(text, Path("f.toml"))
    return file.record(Outer, file.content, (), "the file", lambda kind, values: ())


def test_a_table_becomes_a_record():
    text = 'name = "a"\n[inner]\nnumbers = [3, 4]\nshare = 1\nis_on = true'
    assert record(text) == Outer("a", Inner((3, 4), 1.0, is_on=True))
    assert record("name = 5") == Outer("5")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the key name is absent: f.toml, line 1, column 1, the file"),
        ('nam = "a"', "unknown key 'nam'.*line 1, column 1.*Did you mean 'name'"),
        ('name = "a"\ninner = 3', "not a table: .*line 2.*key inner"),
        ('name = "a"\n[inner]\nnumbers = [1.5]', "not a list of whole numbers: .*line 3.*key numbers"),
        ('name = "a"\n[inner]\nshare = [1, 2]', "not a number: .*line 3.*Write 5"),
        ('name = "a"\n[inner]\nis_on = 1', "1 is neither true nor false: .*line 3"),
    ],
)
def test_an_error_says_what_and_where(text, message):
    with pytest.raises(NeuroFMError, match=message):
        record(text)


def test_rules_of_records_are_kept():
    file = parse_toml('name = "a"\n[inner]\nshare = 7.0', Path("f.toml"))

    def rules(kind, values):
        if values.get("share", 0) > 1:
            yield "share", "7 is no share", "Use 0 to 1."

    with pytest.raises(NeuroFMError, match=r"7 is no share: f.toml, line 3, column 1, .*key share"):
        file.record(Outer, file.content, (), "the file", rules)


def test_files_that_cannot_be_read_are_refused(tmp_path):
    path = tmp_path / "f.toml"
    with pytest.raises(NeuroFMError, match=r"file of settings not found: .*Check --flag") as caught:
        read_toml(path, "file of settings", "--flag")
    assert caught.value.code == Exit.USAGE
    path.write_text("a = [")
    with pytest.raises(NeuroFMError, match=r"not valid TOML: .*line 1, column"):
        read_toml(path, "file of settings", "--flag")
