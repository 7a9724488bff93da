"""The table of centiles of a scan: its record joined with age and sex, so it is made with the reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from neurofm_bids.bids.demographics import Person
from neurofm_bids.bids.derivatives import Derivatives, image_sidecar
from neurofm_bids.model.registry import segmentation_spec
from neurofm_bids.norms.centiles import centiles
from neurofm_bids.norms.head_size import head_size
from neurofm_bids.norms.reference import Reference
from neurofm_bids.records.anatomy import NOTICE
from neurofm_bids.records.centile import Centile
from neurofm_bids.records.columns import CENTILE_COLUMNS, centile_rows
from neurofm_bids.records.dictionary import centile_columns
from neurofm_bids.records.scan import ScanRecord
from neurofm_bids.storage.atomic import remove_leftovers, write_json, write_text
from neurofm_bids.storage.tables import table_text

__all__ = ["allowed_centiles", "write_centiles"]

_DIGITS = 7


def allowed_centiles(record: ScanRecord, person: Person, reference: Reference) -> tuple[Centile, ...]:
    """Return the volumes of a scan with their centiles, or nothing where no model card allows any."""
    items = centiles(record, person, reference)
    return () if all("not_allowed" in item.notes for item in items) else items


def write_centiles(
    out: Derivatives, record: ScanRecord, person: Person, items: Sequence[Centile], reference: Reference
) -> None:
    """Write the centiles of a scan and their data dictionary; remove both where there are none.

    Raises
    ------
    NeuroFMError
        They cannot be written: the disk is full, for example.
    """
    path = out.path(record.scan, "centiles")
    remove_leftovers([path, image_sidecar(path)])
    if not items:
        out.remove_joined(record.scan, "centiles")
        return
    write_text(path, table_text(CENTILE_COLUMNS, centile_rows(items), _DIGITS))
    write_json(image_sidecar(path), {**_about(record, person, reference), **centile_columns()})


def _about(record: ScanRecord, person: Person, reference: Reference) -> dict[str, Any]:
    head, anatomy = head_size(record), record.anatomy
    card = None if anatomy is None else segmentation_spec(anatomy.weights_sha256)
    made = {
        "Reference": dict(reference.about),
        "Age": person.age_years,
        "Sex": person.sex,
        "IntracranialVolumeMl": None if head is None else round(head.ml, 4),
        "Notice": NOTICE,
        "Segmentation": None if card is None else card.about,
    }
    text = "Centiles of volumes among healthy people of the same age, sex and head size; not a diagnosis"
    return {"Description": text, "Sources": [record.scan.uri], "NeuroFM": made}
