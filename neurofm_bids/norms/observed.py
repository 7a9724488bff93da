"""The volumes and the predicted age of a scan, and what its networks and its quality allow to say of them."""

from __future__ import annotations

from neurofm_bids.bids.demographics import Person
from neurofm_bids.model.registry import model_spec, segmentation_spec
from neurofm_bids.norms.head_size import head_size
from neurofm_bids.records.anatomy import structure_and_side
from neurofm_bids.records.centile import PREDICTED_AGE, REASONS, Centile, Observation
from neurofm_bids.records.scan import ScanRecord

__all__ = ["HEAD_SIZE", "definition", "observation", "observed", "reasons_of"]

HEAD_SIZE = "intracranial"  # what the others are compared at


def observed(record: ScanRecord, *, among_freesurfer: bool = False) -> tuple[Centile, ...]:
    """Return the values of a scan without centiles, and the notes that do not depend on the person.

    Parameters
    ----------
    record
        Of the scan.
    among_freesurfer
        Whether they are compared with volumes of FreeSurfer, from which some differ systematically.
    """
    return (*_measured(record, among_freesurfer=among_freesurfer), *_predicted(record))


def definition(record: ScanRecord, item: Centile) -> str:
    """Return the volume of the segmentation that is defined like this one, empty for the age."""
    if item.source == "measured":
        return item.name
    return model_spec(record.provenance.model.name).head(item.name).measured


def reasons_of(person: Person) -> tuple[str, ...]:
    """Return the notes for which nothing of a person has a centile: on age, and on sex."""
    if person.age_years is None:
        age = "age_unknown"
    else:
        age = "age_lower_bound" if "lower_bound" in person.remarks else ""
    return tuple(reason for reason in (age, "" if person.sex else "sex_unknown") if reason)


def observation(record: ScanRecord, person: Person) -> Observation:
    """Return what a reference takes from a scan."""
    items = [item for item in observed(record) if not REASONS.intersection(item.notes)]
    head = head_size(record)
    reasons = (*reasons_of(person), *(() if items else (*_failed(record), "not_allowed")))
    reason = next(iter(reasons), "")
    values = {item.key: item.value for item in items}
    return Observation(person.age_years, person.sex, head.ml if head else None, values, reason)


def _failed(record: ScanRecord) -> tuple[str, ...]:
    """Return the note of a scan whose quality is judged as fail."""
    return ("quality_failed",) if record.quality.status == "fail" else ()


def _measured(record: ScanRecord, *, among_freesurfer: bool) -> list[Centile]:
    if record.anatomy is None:
        return []
    spec, failed = segmentation_spec(record.anatomy.weights_sha256), _failed(record)
    status = (spec.centiles if spec else "") or "not_allowed"
    marked = (
        {"unreliable": spec.unreliable, "shifted": spec.shifted if among_freesurfer else ()} if spec else {}
    )
    items = []
    for name, volume in record.anatomy.volumes.items():
        if name == HEAD_SIZE:
            continue
        notes = [status, *failed, *(() if volume.mm3 > 0 else ("not_found",))]
        notes += [note for note, own in marked.items() if structure_and_side(name)[0] in own]
        items.append(Centile(name, "measured", volume.mm3, volume.interval95, notes=tuple(notes)))
    return items


def _predicted(record: ScanRecord) -> list[Centile]:
    model, failed, items = record.provenance.model, _failed(record), []
    spec = model_spec(model.name)
    allowed = spec.centiles and spec.sha256 == model.weights_sha256
    for head in spec.heads:
        prediction = record.predictions.get(head.name)
        if prediction is None or not (head.measured or f"predicted_{head.name}" == PREDICTED_AGE):
            continue
        notes = [spec.centiles if allowed else "not_allowed", *failed]
        if prediction.interval95 is not None:
            notes.append("repeatability")
        if not prediction.in_range:
            notes.append("outside_training_range")
        items.append(
            Centile(head.name, "predicted", prediction.value, prediction.interval95, notes=tuple(notes))
        )
    return items
