from dataclasses import dataclass

import pytest

from neurofm_bids.cli.arguments import Parser, add_options
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.option import option, whole_number


@dataclass(frozen=True)
class Settings:
    source: str = option(help="where from")
    count: int = option("--count", "-n", default=3, convert=whole_number(), help="how many")
    fast: bool = option("--fast", default=False, help="in a hurry")


def test_wrong_usage_is_an_error_with_its_exit_code(capsys):
    with pytest.raises(NeuroFMError, match=r"unrecognized arguments: --nope\. See tool --help\.") as error:
        Parser(prog="tool").parse_args(["--nope"])
    assert error.value.code is Exit.USAGE
    assert capsys.readouterr().err.startswith("usage: tool")


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
    with pytest.raises(NeuroFMError, match=r"argument --count/-n: invalid number \(1 or more\) value: '0'"):
        parser.parse_args(["here", "--count", "0"])
