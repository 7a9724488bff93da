"""The declaration of one option: what it takes, and its entry in a settings file."""

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from neurofm_bids.cli.options import parse
from neurofm_bids.config import GROUPS
from neurofm_bids.option import Option, WholeNumber, arguments_of, make, memory_gb, option, options_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [("8000", 8.0), ("8GB", 8.0), ("8g", 8.0), ("512M", 0.512), ("1.5T", 1500.0), ("2000000K", 2.0)],
)
def test_memory_units(text, expected):
    assert memory_gb(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["much", "0", "-1GB", "inf", "nan", ""])
def test_amounts_that_are_none(text):
    with pytest.raises(ValueError, match=r"."):
        memory_gb(text)


@pytest.mark.parametrize(
    ("highest", "text"), [(64, "0"), (64, "65"), (None, "0"), (None, "1.5"), (None, "x")]
)
def test_whole_numbers_have_bounds(highest, text):
    with pytest.raises(ValueError, match=r"."):
        WholeNumber(highest=highest)(text)
    assert WholeNumber(highest=highest)("64") == 64


@dataclass(frozen=True)
class Group:
    number: int = option("--number", default=3, section="A", convert=int, help="a number")
    switch: bool = option("--switch", default=False, section="A", help="a switch")
    no_option: int = 1


def test_only_fields_that_are_options_are_listed():
    assert [(field.name, field.default, item.flags) for field, item in options_of(Group)] == [
        ("number", 3, ("--number",)),
        ("switch", False, ("--switch",)),
    ]


def test_settings_are_made_of_what_is_given_and_defaults():
    assert make(Group, {"switch": True, "no_option": 2, "other": 3}) == Group(3, True, 2)


@pytest.mark.parametrize(
    ("default", "text", "shown"),
    [(3, "", "3"), ("auto", "", "auto"), (False, "", ""), (None, "", ""), ((), "", ""), (1, "all", "all")],
)
def test_defaults_are_shown_unless_they_say_nothing(default, text, shown):
    assert Option(("--x",), "help", "A", default_text=text).show_default(default) == shown


SWITCH, COUNT = Option(("--x",), "", ""), Option(("--x", "-v"), "", "", counts=True)
MANY, MEMORY = Option(("--x",), "", "", many=True), Option(("--x",), "", "", convert=memory_gb, unit="GB")
PATHS = Option(("--x",), "", "", convert=Path, many=True)
CHOICE = Option(("--x",), "", "", choices=("a", "b"))
NUMBER = Option(("--x",), "", "", convert=int)


@pytest.mark.parametrize(
    ("declared", "default", "value"),
    [
        (SWITCH, False, True),
        (COUNT, 0, 2),
        (MANY, (), ["01", "x\x7fy"]),
        (PATHS, (), [Path("a"), Path("b c")]),
        (MEMORY, 4.0, 12.345678901234567),
        (MEMORY, 4.0, 1e-05),
        (CHOICE, "a", "b"),
        (NUMBER, 1, 7),
        (SWITCH, "", 'a "path"\twith\nall \\ that \x01\x7f ü'),
    ],
)
def test_a_settings_file_gives_back_what_was_written(declared, default, value):
    read = tomllib.loads(f"x = {declared.to_toml(value)}\n")["x"]
    assert declared.from_toml(read, default) == value


@pytest.mark.parametrize(
    ("declared", "default", "value"),
    [(SWITCH, False, "yes"), (SWITCH, False, 1), (COUNT, 0, "2"), (CHOICE, "a", "c"), (NUMBER, 1, "x")],
)
def test_values_that_an_option_cannot_have(declared, default, value):
    with pytest.raises(ValueError, match=r"."):
        declared.from_toml(value, default)


def test_options_that_are_not_the_default_as_words_of_a_command():
    given = [
        *("--participant-label", "01", "02"),
        *("--views=3", "--no-anatomy", "--mem=8.0GB", "-vv", "--shard=1/3", "--weights=/a b.h5"),
    ]
    config = parse(["/bids", "/out", "participant", *given])
    groups = (getattr(config, name) for name in GROUPS)
    words = [word for group in groups for word in arguments_of(group, {"nprocs", "work_dir"})]
    again = parse(["/bids", "/out", "participant", *words])
    assert replace(again, command="") == replace(config, command="")
    assert len(words) == 10
    assert "--shard=1/3" not in arguments_of(config.selection, {"shard"})
