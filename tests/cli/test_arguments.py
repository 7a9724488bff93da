from dataclasses import dataclass, make_dataclass
from typing import Any

import pytest

from neurofm_bids.cli.arguments import Parser, add_command, add_options
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.option import WholeNumber, memory_gb, option


@dataclass(frozen=True)
class Settings:
    source: str = option(help="where from")
    count: int = option("--count", "-n", default=3, convert=WholeNumber(), help="how many")
    fast: bool = option("--fast", default=False, help="in a hurry")


def test_wrong_usage_is_an_error_with_its_exit_code_and_no_more(capsys):
    with pytest.raises(NeuroFMError, match=r"unrecognized arguments: --nope\. See tool --help\.") as error:
        Parser(prog="tool").parse_args(["--nope"])
    assert error.value.code is Exit.USAGE
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["--cuont", "3"], "Did you mean --count? See tool --help."),
        (["--cuont=3", "--fats", "--fast_"], "Did you mean --count, --fast? See tool --help."),
        (["--low-count"], "See tool --help."),
        (["-x", "more"], "See tool --help."),
    ],
)
def test_a_mistyped_option_gives_the_nearest(arguments, advice):
    parser = Parser(prog="tool")
    add_options(parser, Settings)
    with pytest.raises(NeuroFMError, match=r"^unrecognized arguments: -") as error:
        parser.parse_args(["here", *arguments])
    assert error.value.fix == advice


def test_a_mistyped_option_of_a_command_gives_the_nearest_of_this_command():
    parser = Parser(prog="tool")
    add_command(parser.add_subparsers(), "run", "run it", lambda _: Exit.OK, Settings)
    with pytest.raises(NeuroFMError, match=r"Did you mean --count\? See tool run --help"):
        parser.parse_args(["run", "here", "--cuont", "3"])


@pytest.mark.parametrize(
    ("arguments", "value"),
    [(["--more_of", "a_b"], "a_b"), (["--more_of=--a_b"], "--a_b"), (["--more-of=a_b"], "a_b")],
)
def test_only_names_of_options_are_read_as_with_hyphens(arguments, value):
    parser = Parser()
    parser.add_argument("--more-of")
    parser.add_argument("rest", nargs="*")
    assert parser.parse_args([*arguments, "--", "--c_d"]).more_of == value
    assert parser.parse_args([*arguments, "--", "--c_d"]).rest == ["--c_d"]


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (["here"], {"source": "here"}),
        (["here", "-n", "5", "--fast"], {"source": "here", "count": 5, "fast": True}),
    ],
)
def test_options_of_settings_give_what_was_given_only(arguments, given):
    parser = Parser()
    add_options(parser, Settings)
    assert vars(parser.parse_args(arguments)) == given


def test_values_are_converted_and_defaults_shown():
    parser = Parser()
    add_options(parser, Settings)
    assert "how many (default: 3)" in parser.format_help()


@pytest.mark.parametrize(
    ("convert", "text", "message"),
    [
        (WholeNumber(), "0", "'0' is not a whole number of 1 or more"),
        (WholeNumber(highest=64), "65", "'65' is not a whole number from 1 to 64"),
        (memory_gb, "much", "'much' is not a size such as 8GB"),
        (int, "x", "'x' is not a whole number"),
        (float, "x", "'x' is not a number"),
    ],
)
def test_a_wrong_value_is_named(convert, text, message):
    parser = Parser()
    add_options(
        parser, make_dataclass("One", [("x", Any, option("--x", default=None, convert=convert, help=""))])
    )
    with pytest.raises(NeuroFMError, match=f"^argument --x: {message}. See "):
        parser.parse_args(["--x", text])
