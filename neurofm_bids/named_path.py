"""Paths of the command line that may have a name in front, as in ``fmriprep=/data/fmriprep``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["NamedPath", "PathReader"]


@dataclass(frozen=True)
class NamedPath:
    """A path, and the name that it was given.

    Parameters
    ----------
    name
        Empty for none.
    path
        Of a folder.
    """

    name: str
    path: Path

    def __str__(self) -> str:
        return f"{self.name}={self.path}" if self.name else str(self.path)


@dataclass(frozen=True)
class PathReader:
    """Converts texts to paths with or without a name, and raises ValueError for those without a path.

    >>> read = PathReader("folder, or NAME=folder", r"[a-z]+")
    >>> read("site=/data/out").name, read("/data/a=b").name
    ('site', '')

    Parameters
    ----------
    about
        What it takes, in words.
    names
        Regular expression of names; what has another name is a path as a whole.
    """

    about: str
    names: str

    def __call__(self, text: str) -> NamedPath:
        """Return the name and the path that a text is."""
        match = re.fullmatch(f"({self.names})=(.+)", text, re.DOTALL)
        name, path = match.groups() if match else ("", text)
        if not path:
            raise ValueError(text)
        return NamedPath(name, Path(path))

    @property
    def __name__(self) -> str:
        """What it takes, in words."""
        return self.about
