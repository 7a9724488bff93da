"""The settings of centiles: with which people the volumes of a scan are compared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from neurofm_bids.option import option

__all__ = ["Centiles"]

_CENTILES = "Options for centiles"


@dataclass(frozen=True)
class Centiles:
    """With which people the volumes of a scan are compared."""

    reference: Path | None = option(
        "--reference",
        default=None,
        section=_CENTILES,
        convert=Path,
        metavar="FILE",
        default_text="the published norms of NOMIS",
        help="reference that the group level made before, for centiles of volumes",
    )
    make_reference: Path | None = option(
        "--make-reference",
        default=None,
        convert=Path,
        writes=True,
        metavar="FILE",
        help="at the group level, also make a reference from the participants of --reference-participants",
    )
    reference_participants: tuple[str, ...] = option(
        "--reference-participants",
        default=(),
        many=True,
        metavar="LABEL",
        help="healthy participants of the reference: labels, a file of labels, or COLUMN=VALUE for those "
        "with this value in a table of the dataset, such as group=control",
    )
