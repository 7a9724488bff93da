"""The pages of the documentation: their code blocks, links and anchors."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

__all__ = ["COMMANDS", "ROOT", "anchors", "blocks", "calls", "commands", "links", "mentioned", "pages"]

COMMANDS = ("neurofm", "neurofm-tools")
ROOT = Path(__file__).resolve().parents[1]
_HEADING = re.compile(r"^#{1,3} +(.+?) *$", re.MULTILINE)  # as deep as myst_heading_anchors
_IN_CONTAINER = re.compile(r"(?:docker run .*? neurofm-bids|apptainer run .*? neurofm\.sif) ")
_VARIABLE = re.compile(r"\$\w+|\$\{\w+\}")
_SEPARATOR = re.compile(r" (?:&&|\|\||\||;|>|2>&1|&) ?| \d?>")


def pages() -> list[Path]:
    """Return the pages that readers see: at the root of the repository and in its documentation."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def links(text: str) -> list[str]:
    """Return the targets of the links and pictures of a page, outside code.

    >>> links("[a](b.md#c) `[x](y)` ![p](q.png)")
    ['b.md#c', 'q.png']
    """
    prose = re.sub(
        r"`[^`\n]*`", "`code`", re.sub(r"^```.*?^``` *$", "", text, flags=re.DOTALL | re.MULTILINE)
    )
    return [found[1] for found in re.finditer(r"\]\(([^()\s]+(?:\([^()]*\)[^()\s]*)*)\)", prose)]


def anchors(text: str) -> set[str]:
    """Return the anchors of a page: those of headings, as on GitHub and in MyST.

    >>> sorted(anchors("# The model\\n## What `SD` means\\n## What `SD` means"))
    ['the-model', 'what-sd-means', 'what-sd-means-1']
    """
    prose = re.sub(r"^```.*?^``` *$", "", text, flags=re.DOTALL | re.MULTILINE)
    found: set[str] = set()
    for heading in _HEADING.findall(prose):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        number = sum(one == slug or re.fullmatch(rf"{re.escape(slug)}-\d+", one) is not None for one in found)
        found.add(f"{slug}-{number}" if number else slug)
    return found


def calls(line: str) -> list[list[str]]:
    """Return the calls of ``neurofm`` and ``neurofm-tools`` in a line of a shell, each as a list of words.

    Variables have the value 1; calls in a container are those of its entry point. Calls with an ellipsis
    leave something out and are not returned.

    >>> calls('NAME=x neurofm a b --shard $I/20 && neurofm-tools demo c  # a comment')
    [['neurofm', 'a', 'b', '--shard', '1/20'], ['neurofm-tools', 'demo', 'c']]
    """
    plain = _IN_CONTAINER.sub("neurofm ", _VARIABLE.sub("1", " ".join(line.split())))
    found = []
    for part in _SEPARATOR.split(plain):
        words = shlex.split(part, comments=True) if "neurofm" in part and "..." not in part else []
        places = [place for place, word in enumerate(words) if word in COMMANDS]
        found += [words[place:] for place in places[:1]]
    return found


def commands(page: Path) -> list[list[str]]:
    """Return the calls in the shell blocks of a page."""
    lines = [line for block in blocks(page, "bash") for line in block.replace("\\\n", " ").splitlines()]
    return [words for line in lines for words in calls(line)]


def mentioned(page: Path) -> list[list[str]]:
    """Return the calls in the text of a page, which may be names of commands without what they need."""
    return [
        words for line in re.findall(r"`(neurofm(?:-tools)? [^`\n]+)`", _prose(page)) for words in calls(line)
    ]


def _prose(page: Path) -> str:
    return re.sub(r"^```.*?^``` *$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
