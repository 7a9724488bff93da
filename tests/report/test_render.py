import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from neurofm_bids.report.render import render

CONTEXT = {
    "subject": "01",
    "scans": [],
    "failures": [],
    "model": None,
    "versions": [],
    "command": "neurofm a b",
    "methods": [],
    "references": [],
    "bibtex": "",
    "sessions": None,
    "policy": "script-src 'none'",
    "script": "",
    "viewer": "",
    "viewer_code": "",
    "viewer_licence": "",
    "labels": [],
}


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("<script>", "&lt;script&gt;"),
        ("a & b", "a &amp; b"),
        ("name\udcff", "name?"),
        (Markup("<b>own</b>"), "<b>own</b>"),
    ],
)
def test_values_are_escaped(command, shown):
    assert f"<code>{shown}</code>" in render("participant.html.j2", {**CONTEXT, "command": command})


def test_a_value_that_is_not_given_is_an_error():
    with pytest.raises(UndefinedError, match="'command' is undefined"):
        render("participant.html.j2", {key: CONTEXT[key] for key in CONTEXT if key != "command"})


def test_equal_values_give_equal_pages():
    assert render("participant.html.j2", CONTEXT) == render("participant.html.j2", CONTEXT)
