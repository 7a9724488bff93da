"""Files that are put into reports as they are: the script, the viewer, and the policy that admits only these.

The viewer is NiiVue, see ``assets/niivue_LICENSE.txt``.
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

__all__ = ["VIEWER", "script_element", "script_policy", "viewer_code", "viewer_licence"]

VIEWER = "NiiVue 0.69.0"


@cache
def script_element() -> Markup:
    """Return the script of the report, as an element."""
    from markupsafe import Markup

    return Markup("<script>") + Markup(_script()) + Markup("</script>")


@cache
def script_policy() -> str:
    """Return the directive of the content security policy by which only the script and the viewer may run."""
    hashes = (
        base64.b64encode(hashlib.sha256(code).digest()).decode()
        for code in (_script().encode(), gzip.decompress(_asset("niivue-0.69.0.umd.js.gz")))
    )
    return "script-src " + " ".join(f"'sha256-{code}'" for code in hashes)


@cache
def viewer_code() -> Markup:
    """Return the code of the viewer, compressed by gzip, as base64."""
    from markupsafe import Markup

    return Markup(base64.b64encode(_asset("niivue-0.69.0.umd.js.gz")).decode())


@cache
def viewer_licence() -> str:
    """Return the licences of the viewer and of the packages in it."""
    return _asset("niivue_LICENSE.txt").decode()


def _script() -> str:
    return "\n" + _asset("report.js").decode()


def _asset(name: str) -> bytes:
    return files("neurofm_bids").joinpath("report", "assets", name).read_bytes()
