from pathlib import Path

import pytest

from neurofm_bids.named_path import NamedPath, PathReader

READ = PathReader("folder, or NAME=folder", r"[a-z]+|[a-z]-[0-9]")


@pytest.mark.parametrize(
    ("text", "name", "path"),
    [
        ("a=/data/out", "a", "/data/out"),
        ("a-1=b=c", "a-1", "b=c"),
        ("a=line\nbreak", "a", "line\nbreak"),
        ("/data/a=b", "", "/data/a=b"),
        ("A=b", "", "A=b"),  # no name by the pattern: a path
        ("a=", "", "a="),
    ],
)
def test_a_name_may_come_before_a_path(text, name, path):
    value = READ(text)
    assert value == NamedPath(name, Path(path))
    assert str(value) == text


def test_nothing_is_no_path_and_the_reader_says_what_it_takes():
    with pytest.raises(ValueError, match=r"^$"):
        READ("")
    assert READ.__name__ == "folder, or NAME=folder"
