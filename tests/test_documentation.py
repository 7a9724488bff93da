"""The pages of the documentation: links lead somewhere, commands are ones that the parsers take."""

import ast
import importlib
import tomllib
from collections.abc import Mapping
from contextlib import chdir

import pytest

from neurofm_bids.cli.options import get_parser
from neurofm_bids.cli.tools import get_parser as get_tools_parser
from neurofm_bids.errors import NeuroFMError
from tests.documentation import ROOT, anchors, blocks, commands, links, mentioned, pages

PARSERS = {"neurofm": get_parser, "neurofm-tools": get_tools_parser}

pytestmark = pytest.mark.skipif(
    not (ROOT / "docs").is_dir(), reason="the documentation is not part of an installed package"
)


def refused(words):
    """Return why a call cannot be parsed, or nothing."""
    try:
        PARSERS[words[0]]().parse_args(words[1:])
    except NeuroFMError as error:
        return str(error)
    except SystemExit as end:  # --help and --version
        return str(end.code or "")
    return ""


def broken(page, text, texts: Mapping):
    """Return the links of a page that lead to no file or no anchor."""
    found = []
    for link in links(text):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(texts[target])):
            found.append(link)
    return found


def test_links_lead_to_files_and_anchors():
    texts = {page: page.read_text("utf-8") for page in pages()}
    assert sum(len(links(text)) for text in texts.values()) > 200
    assert {page.name: found for page, text in texts.items() if (found := broken(page, text, texts))} == {}


def test_a_broken_link_is_seen():
    page = ROOT / "README.md"
    texts = {page: "# One\n[a](docs/none.md) [b](#one) [c](#two) [d](https://none.example)"}
    assert broken(page, texts[page], texts) == ["docs/none.md", "#two"]


@pytest.mark.parametrize(
    "page", [page for page in pages() if page.name != "CHANGES.md"], ids=lambda p: p.name
)
def test_commands_are_those_of_the_parsers(page):
    assert {" ".join(words): why for words in commands(page) if (why := refused(words))} == {}
    named = {" ".join(words): refused(words) for words in mentioned(page)}
    assert {call: why for call, why in named.items() if why and "arguments are required" not in why} == {}


def test_commands_are_found_and_wrong_ones_refused():
    assert len([words for page in pages() for words in commands(page)]) > 50
    assert "unrecognized arguments: --vews" in refused(["neurofm", "a", "b", "participant", "--vews", "1"])
    assert "invalid choice: 'fetsh'" in refused(["neurofm-tools", "weights", "fetsh"])


def test_every_page_is_in_the_table_of_contents():
    index = (ROOT / "docs" / "index.md").read_text("utf-8").splitlines()
    names = {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"}
    assert names - set(index) == set()


def examples(language):
    return [(page.name, text) for page in pages() for text in blocks(page, language) if ">>>" not in text]


def missing(node):
    """Return the names that an import of the package asks for in vain."""
    if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("neurofm_bids"):
        return []
    module = importlib.import_module(node.module)
    return [f"{node.module}.{alias.name}" for alias in node.names if not hasattr(module, alias.name)]


def test_examples_in_python_compile_and_import_what_there_is():
    assert len(examples("python")) > 10
    for page, text in examples("python"):
        assert [name for node in ast.walk(ast.parse(text, page)) for name in missing(node)] == [], page


def test_examples_of_settings_are_valid():
    assert len(examples("toml")) > 10
    for page, text in examples("toml"):
        assert tomllib.loads(text) is not None, page


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.timeout(3600)
def test_the_examples_of_whole_heads_run(shared, tmp_path, capsys):
    page = ROOT / "docs" / "python.md"
    (tmp_path / "sub-01_T1w.nii.gz").symlink_to(
        shared / "data" / "ds000011" / "sub-01" / "anat" / "sub-01_T1w.nii.gz"
    )
    whole, steps = (
        next(text for text in blocks(page, "python") if name in text)
        for name in ("model.segment", "extract_brain")
    )
    with chdir(tmp_path):
        exec(compile(whole, page.name, "exec"), {})
        exec(compile(steps, page.name, "exec"), {})
    assert "(160,)" in capsys.readouterr().out
    made = {"segmentation.nii.gz", "ventricular_volume_attribution.nii.gz", "mask.nii.gz"}
    assert made <= {path.name for path in tmp_path.iterdir()}


def test_pictures_are_shown_and_small():
    texts = "".join(page.read_text("utf-8") for page in pages())
    for picture in (ROOT / "docs" / "figures").iterdir():
        assert f"figures/{picture.name}" in texts
        assert picture.stat().st_size < 400_000, picture.name
