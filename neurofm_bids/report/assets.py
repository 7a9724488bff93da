"""Files that are put into reports as they are: scripts, libraries, and the policy that admits only these.

The viewer of the reports of participants is NiiVue, see ``assets/niivue_LICENSE.txt``; the plots of the group
report stand on uPlot, see ``assets/uplot_LICENSE.txt``.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = [
    "PLOTS",
    "VIEWER",
    "group_policy",
    "group_script",
    "plots_code",
    "plots_licence",
    "script_element",
    "script_policy",
    "viewer_code",
    "viewer_licence",
]

VIEWER, PLOTS = "NiiVue 0.69.0", "uPlot 1.6.32"
_VIEWER_CODE, _PLOTS_CODE = "niivue-0.69.0.umd.js.gz", "uplot-1.6.32.iife.min.js.gz"
_GROUP_PARTS = ("data", "state", "plot", "heat", "table")


@cache
def script_element() -> Markup:
    """Return the script of the report of a participant, as an element."""
    return _element(_script())


@cache
def script_policy() -> str:
    """Return the directive of the content security policy by which only the script and the viewer may run."""
    return _policy(_script(), gzip.decompress(_asset(_VIEWER_CODE)).decode())


@cache
def viewer_code() -> Markup:
    """Return the code of the viewer, compressed by gzip, as base64."""
    return _packed(_VIEWER_CODE)


@cache
def viewer_licence() -> str:
    """Return the licences of the viewer and of the packages in it."""
    return _asset("niivue_LICENSE.txt").decode()


@cache
def group_script() -> Markup:
    """Return the script of the group report, as an element."""
    return _element(_group_script())


@cache
def group_policy() -> str:
    """Return the directive of the content security policy by which only the script and the plots may run."""
    return _policy(_group_script(), gzip.decompress(_asset(_PLOTS_CODE)).decode())


@cache
def plots_code() -> Markup:
    """Return the code of the library of plots, compressed by gzip, as base64."""
    return _packed(_PLOTS_CODE)


@cache
def plots_licence() -> str:
    """Return the licence of the library of plots."""
    return _asset("uplot_LICENSE.txt").decode()


def _element(code: str) -> Markup:
    from markupsafe import Markup

    return Markup("<script>") + Markup(code) + Markup("</script>")


def _packed(name: str) -> Markup:
    from markupsafe import Markup

    return Markup(base64.b64encode(_asset(name)).decode())


def _policy(*scripts: str) -> str:
    hashes = (base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() for code in scripts)
    return "script-src " + " ".join(f"'sha256-{code}'" for code in hashes)


def _script() -> str:
    return "\n" + _asset("report.js").decode()


def _group_script() -> str:
    """Return the parts of the script in one scope of their own."""
    names = (*(f"group_{part}.js" for part in _GROUP_PARTS), "group.js")
    parts = "\n".join(_asset(name).decode() for name in names)
    return f'\n"use strict";\n(() => {{\n{parts}}})();\n'


def _asset(name: str) -> bytes:
    return files("neurofm_bids").joinpath("report", "assets", name).read_bytes()
