"""Command-line parsers whose errors carry the exit code of wrong usage."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

from neurofm_bids.errors import Exit, NeuroFMError

__all__ = ["Parser", "positive"]


class Parser(argparse.ArgumentParser):
    """An argument parser whose usage errors carry exit code 64."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and raise what is wrong with it."""
        self.print_usage(sys.stderr)
        raise NeuroFMError(message, fix=f"See {self.prog} --help.", code=Exit.USAGE)


def positive(text: str) -> int:
    """Read a whole number of 1 or more.

    >>> positive("3")
    3
    """
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not 1 or more")
    return number
