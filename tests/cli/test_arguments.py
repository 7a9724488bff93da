import argparse

import pytest

from neurofm_bids.cli.arguments import Parser, positive
from neurofm_bids.errors import Exit, NeuroFMError


def test_wrong_usage_is_an_error_with_its_exit_code(capsys):
    with pytest.raises(NeuroFMError, match=r"unrecognized arguments: --nope\. See tool --help\.") as error:
        Parser(prog="tool").parse_args(["--nope"])
    assert error.value.code is Exit.USAGE
    assert capsys.readouterr().err.startswith("usage: tool")


@pytest.mark.parametrize(("text", "error"), [("0", argparse.ArgumentTypeError), ("1.5", ValueError)])
def test_numbers_that_are_not_positive(text, error):
    assert positive("1") == 1
    with pytest.raises(error, match=text):
        positive(text)
