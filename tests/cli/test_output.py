"""Output whose reader ends first."""

import os
import sys

import pytest

from neurofm_bids.cli.output import CLOSED, printing


@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_reader_that_ends_first_is_no_error(lines, monkeypatch):
    read, write = os.pipe()
    os.close(read)

    def run():
        for _ in range(lines):
            sys.stdout.write("x" * 80 + "\n")
        return 3

    with os.fdopen(write, "w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        assert printing(run) == CLOSED
        output.write("more")  # nothing is raised when the program ends
        output.flush()


def test_the_exit_code_and_the_output_of_a_command_are_kept(capsys):
    assert printing(lambda: sys.stdout.write("abc")) == 3
    assert capsys.readouterr().out == "abc"
