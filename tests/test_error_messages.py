"""The pages on error messages have messages that there are."""

import ast
import re

import pytest

from tests.documentation import ROOT

PAGE = ROOT / "docs" / "troubleshooting.md"
OF_OTHERS = "Message of another program"
LEAST = 12  # letters of a piece of a message that is looked for


@pytest.fixture(scope="module")
def texts():
    """All texts of the package, without the values that are put into them."""
    trees = (ast.parse(path.read_text("utf-8")) for path in (ROOT / "neurofm_bids").rglob("*.py"))
    nodes = (node for tree in trees for node in ast.walk(tree))
    constants = (
        node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return "\n".join(constants).casefold().replace("`", "")


def messages():
    """Return the cells of messages of the page: the first column, or the second after that of steps."""
    cells, place = list[str](), 0
    for line in PAGE.read_text("utf-8").splitlines():
        row = [cell.strip() for cell in line.strip("| ").split(" | ")]
        if "Message" in row or row[0] == OF_OTHERS:
            place = row.index("Message") if "Message" in row else -1
        elif line.startswith("| ") and not row[0].startswith("---") and place >= 0:
            cells.append(row[place])
    return cells


def pieces(cell):
    plain = cell.replace("`", "").casefold()
    return [
        piece.strip(" .:") for piece in re.split(r"\.\.\.|[,;()]", plain) if len(piece.strip(" .:")) >= LEAST
    ]


def known(piece, texts):
    """Whether three words of a piece that follow each other are in a text of the code, values apart."""
    words = piece.split()
    return any(" ".join(words[start : start + 3]) in texts for start in range(max(1, len(words) - 2)))


def test_messages_of_the_page_on_troubleshooting_are_those_of_the_code(texts):
    assert len(messages()) > 120
    absent = {cell: [piece for piece in pieces(cell) if not known(piece, texts)] for cell in messages()}
    assert {cell: found for cell, found in absent.items() if found} == {}


def test_nearly_all_errors_are_on_the_page_of_messages():
    page = (ROOT / "docs" / "messages.md").read_text("utf-8")
    sources = [path.read_text("utf-8") for path in (ROOT / "neurofm_bids").rglob("*.py")]
    raised = sum(len(re.findall(r"(?:raise|return|from None|=) NeuroFMError\(", text)) for text in sources)
    assert page.count("\n| `") > 0.8 * raised > 150
