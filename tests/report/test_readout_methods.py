from dataclasses import replace

import pytest

from neurofm_bids.report.readout_methods import (
    cite_readouts,
    copy_citation,
    readout_methods,
    readout_references,
    write_citation,
)
from tests.readouts.test_readout import readout

ONE = readout()


def test_methods_cite_what_the_kinds_need():
    timed = replace(ONE, task=replace(ONE.task, kind="binary", name="b"))
    text = readout_methods([ONE, timed])
    assert f"({ONE.task.name}, b)" in text
    assert "ridge regression, logistic regression" in text
    assert "nested cross-validation [@varma]" in text
    assert "@cox" not in text
    assert readout_references(text).count("@article{") == 2
    assert readout_methods([]) == readout_references("") == ""


@pytest.mark.parametrize(
    ("name", "words"), [("latent", "the latent features"), ("both", "features and the volumes of regions")]
)
def test_methods_name_the_features(name, words):
    assert words in readout_methods([replace(ONE, feature_set=name)])


def test_the_citation_names_readouts_once_and_a_later_run_keeps_them(tmp_path):
    (tmp_path / "logs").mkdir()
    text, bib = tmp_path / "logs" / "CITATION.md", tmp_path / "logs" / "CITATION.bib"
    write_citation(tmp_path, "# Methods\n", "@book{a}\n")
    assert (text.read_text(), bib.read_text()) == ("# Methods\n", "@book{a}\n")
    cite_readouts(tmp_path, [ONE])
    first = text.read_text(), bib.read_text()
    assert first[0].startswith("# Methods\n\n# Readouts\n\nLinear readouts")
    assert first[1].startswith("@book{a}\n\n@article{varma,")
    cite_readouts(tmp_path, [ONE])
    write_citation(tmp_path, "# Methods\n", "@book{a}\n")
    assert (text.read_text(), bib.read_text()) == first


def test_a_citation_is_copied_without_its_readouts(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    for folder in (source, target):
        (folder / "logs").mkdir(parents=True)
    write_citation(source, "# Methods\n", "@book{a}\n")
    cite_readouts(source, [ONE])
    copy_citation(source, target)
    assert (target / "logs" / "CITATION.md").read_text() == "# Methods\n"
    assert (target / "logs" / "CITATION.bib").read_text() == "@book{a}\n"
