"""Files of signed records: what is read, and what is refused with which words."""

import json

import pytest
from pydantic.dataclasses import dataclass

from neurofm_bids.bids.signed_file import read_signed
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.records.schema import RECORD, to_json
from neurofm_bids.records.signature import signed


@dataclass(frozen=True, config=RECORD)
class Kept:
    value: float
    digest: str = ""


def read(path, **more):
    return read_signed(Kept, path, "norm", "--norm", "Make it again.", **more)


def test_a_signed_record_is_read(tmp_path):
    kept = signed(Kept(2.5))
    (tmp_path / "a.json").write_text(json.dumps(to_json(kept)))
    assert read(tmp_path / "a.json") == kept


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "the norm is damaged"),
        ('{"Value": 1.0}', "the norm is damaged or was edited"),
        ('{"Volume": 1.0}', "this is not a norm"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path, text, words):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(NeuroFMError, match=words) as raised:
        read(tmp_path / "a.json")
    assert (raised.value.code, raised.value.fix) == (Exit.DATA, "Make it again.")


def test_a_file_that_is_not_there_is_an_error_of_the_option(tmp_path):
    with pytest.raises(NeuroFMError, match="norm not found") as raised:
        read(tmp_path / "a.json")
    assert raised.value.code == Exit.USAGE


def test_the_format_is_checked_before_the_record_is_made(tmp_path):
    (tmp_path / "a.json").write_text('{"Volume": 1.0}')

    def check(values):
        raise NeuroFMError(f"of another format: {sorted(values)}")

    with pytest.raises(NeuroFMError, match=r"of another format: \['Volume'\]"):
        read(tmp_path / "a.json", check=check)
