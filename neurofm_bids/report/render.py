"""HTML pages from the templates of this package."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["render"]


def render(template: str, context: Mapping[str, Any]) -> str:
    """Return a page as HTML; every value is escaped, a name that the context lacks is an error.

    What is no Unicode, as a file name of odd bytes, becomes ``?``.
    """
    page = _environment().get_template(template).render(**context)
    return page.encode(errors="replace").decode()


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("neurofm_bids", "report/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
