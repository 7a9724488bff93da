import os

import pytest

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.report.pdf import find_browser, print_pdf


def program(path, script):
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_a_browser_is_found_on_the_path(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NeuroFMError, match="no Chromium or Chrome was found on the PATH") as refused:
        find_browser()
    assert refused.value.code == Exit.USAGE
    found = program(tmp_path / "google-chrome", "")
    assert find_browser() == found


def test_the_pdf_lies_beside_the_report(tmp_path):
    report = tmp_path / "sub-01.html"
    report.write_text("x")
    script = 'for a in "$@"; do case $a in --print-to-pdf=*) printf "%%PDF-1 $*" > "${a#*=}";; esac; done'
    path = print_pdf(report, program(tmp_path / "browser", script))
    assert path == tmp_path / "sub-01.pdf"
    text = path.read_text()
    assert f"file://{report}" in text
    assert "MAP * ~NOTFOUND" in text
    assert ("--no-sandbox" in text) is (os.geteuid() == 0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["browser", "sub-01.html", "sub-01.pdf"]


@pytest.mark.parametrize(
    ("script", "what"),
    [
        ("exit 3", r"wrote no PDF \(exit code 3\)"),
        ("exit 0", r"wrote no PDF \(exit code 0\)"),
        ('for a in "$@"; do case $a in --print-to-pdf=*) echo x > "${a#*=}";; esac; done', "wrote no PDF"),
    ],
)
def test_a_browser_that_prints_nothing_is_an_error(tmp_path, script, what):
    report = tmp_path / "sub-01.html"
    report.write_text("x")
    with pytest.raises(NeuroFMError, match=what):
        print_pdf(report, program(tmp_path / "browser", script))
    assert not report.with_suffix(".pdf").exists()


def test_a_browser_that_does_not_start_or_end_is_an_error(tmp_path, monkeypatch):
    report = tmp_path / "sub-01.html"
    report.write_text("x")
    with pytest.raises(NeuroFMError, match="did not run to its end"):
        print_pdf(report, str(tmp_path / "none"))
    monkeypatch.setattr("neurofm_bids.report.pdf._SECONDS", 0.2)
    with pytest.raises(NeuroFMError, match="TimeoutExpired"):
        print_pdf(report, program(tmp_path / "browser", "exec sleep 30"))
