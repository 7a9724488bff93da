"""Whether the outputs of a scan are up to date, decided from the output folder and the image alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

from neurofm_bids.anatomy.weights import bundled_sha256
from neurofm_bids.bids.derivative_layouts import BIAS_CORRECTED, MASK
from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.bids.discovery import Scan
from neurofm_bids.bids.output import parts_of
from neurofm_bids.config import Config
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.explain.readout import LinearReadout, TargetReadout
from neurofm_bids.model.registry import model_spec
from neurofm_bids.participant.lookup import Lookup
from neurofm_bids.pipeline.attributed import attributed
from neurofm_bids.pipeline.hand_over import read_signature
from neurofm_bids.pipeline.steps import PIPELINE_VERSION
from neurofm_bids.records.scan import DerivedImage, Input, ScanRecord
from neurofm_bids.storage.text import read_json

__all__ = ["Cause", "Reason", "is_older", "why_preprocess", "why_process"]

_NONE = Lookup()
_WHAT: Mapping[str, str] = {
    MASK.use: MASK.what,
    BIAS_CORRECTED.use: BIAS_CORRECTED.what,
    "transform": "transform",
}


class Cause(Enum):
    """Why a scan has to be processed."""

    NEW = auto()
    FORCED = auto()
    DAMAGED = auto()
    PIPELINE = auto()
    WEIGHTS = auto()
    SETTINGS = auto()
    IMAGE = auto()

    @property
    def is_of_the_run(self) -> bool:
        """Whether the run would make other outputs of the same image."""
        return self in {Cause.PIPELINE, Cause.WEIGHTS, Cause.SETTINGS}


@dataclass(frozen=True)
class Reason:
    """Why a scan has to be processed, in a few words for the log and ``--dry-run``."""

    cause: Cause
    text: str


def why_process(
    scan: Scan,
    out: Derivatives,
    config: Config,
    weights_sha256: str,
    readouts: Sequence[LinearReadout] = (),
    derived: Lookup = _NONE,
) -> Reason | None:
    """Return why a scan has to be processed, or None if its outputs are up to date.

    An image is hashed only if its size or time of modification differ from those recorded.

    Parameters
    ----------
    readouts
        That are attributed.
    derived
        Files of other programs that take the place of steps; those not found are not compared.
    """
    try:
        if not out.path(scan, "sidecar").is_file():
            return Reason(Cause.NEW, "not processed yet")
        return _difference(scan, out, config, weights_sha256, readouts, derived)
    except FileNotFoundError:
        return Reason(Cause.DAMAGED, "an output is missing")
    except (OSError, ValueError, KeyError, TypeError, NeuroFMError):
        return Reason(Cause.DAMAGED, "its outputs cannot be read")


def why_preprocess(scan: Scan, out: Derivatives, config: Config, derived: Lookup = _NONE) -> Reason | None:
    """Return why the stage of preprocessing has to process a scan, or None if what it left can be encoded.

    Parameters
    ----------
    derived
        Files of other programs that take the place of steps; those not found are not compared.
    """
    try:
        made = read_signature(out.interim(scan))
        if made is None:
            return Reason(Cause.NEW, "not preprocessed yet")
        if made.pipeline_version != PIPELINE_VERSION:
            then = made.pipeline_version
            return Reason(Cause.PIPELINE, f"preprocessed by pipeline version {then}, now {PIPELINE_VERSION}")
        now = config.processing.of_preprocessing
        if dict(made.parameters) != now:
            return Reason(Cause.SETTINGS, f"preprocessed with {_changes(made.parameters, now)}")
        return _other_image(made.input, scan) or _other_derived(made.derived, derived)
    except (OSError, ValueError, NeuroFMError):
        return Reason(Cause.DAMAGED, "what preprocessing left is incomplete")


def _difference(
    scan: Scan,
    out: Derivatives,
    config: Config,
    weights_sha256: str,
    readouts: Sequence[LinearReadout],
    derived: Lookup,
) -> Reason | None:
    """Return in what the outputs differ from those that this run would make."""
    provenance = read_json(out.path(scan, "sidecar"))["NeuroFM"]
    if (then := provenance["PipelineVersion"]) != PIPELINE_VERSION:  # its record may have another form
        return Reason(Cause.PIPELINE, f"made by pipeline version {then}, now {PIPELINE_VERSION}")
    values = read_json(out.path(scan, "predictions"))
    if values["Provenance"] != provenance:
        return Reason(Cause.DAMAGED, "its outputs come from different runs")
    record, processing = ScanRecord.from_dict(values), config.processing
    made = record.provenance
    if made.model.weights_sha256 != weights_sha256:
        return Reason(Cause.WEIGHTS, "made with other weights")
    if record.anatomy is not None and record.anatomy.weights_sha256 != bundled_sha256():
        return Reason(Cause.WEIGHTS, "segmented with other weights")
    if made.parameters_hash != processing.parameters_hash:
        return Reason(Cause.SETTINGS, f"made with {_changes(made.parameters, processing.parameters)}")
    wanted = attributed(model_spec(processing.model), processing.attribution, readouts)
    if absent := [one.name for one in wanted if not _is_made(one, record)]:
        return Reason(Cause.SETTINGS, f"made without the attribution of {', '.join(absent)}")
    if not all(path.stat().st_size for path in out.required(scan, parts_of(config))):
        return Reason(Cause.DAMAGED, "an output is empty")
    return _other_image(made.input, scan) or _other_derived(record.derived, derived)


def is_older(path: Path, than: Path) -> bool:
    """Tell whether a file does not exist or was last changed before another one."""
    try:
        return path.stat().st_mtime_ns <= than.stat().st_mtime_ns
    except FileNotFoundError:
        return True


def _is_made(wanted: TargetReadout | LinearReadout, record: ScanRecord) -> bool:
    """Tell whether a scan has the attribution of a target or of this very readout."""
    made = record.attributions.get(wanted.name)
    digest = wanted.digest if isinstance(wanted, LinearReadout) else None
    return made is not None and made.readout_digest == digest


def _changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    changes = [f"{key}={then.get(key)}, now {now[key]}" for key in now if then.get(key) != now[key]]
    return "; ".join(changes) or "other settings"


def _other_image(source: Input | None, scan: Scan) -> Reason | None:
    same = source is not None and source.is_in(scan.path)
    return None if same else Reason(Cause.IMAGE, "the image has changed")


def _other_derived(made: Sequence[DerivedImage], now: Lookup) -> Reason | None:
    """Return which file of another program is not the one that a scan was processed with."""
    paths = {use: path for file in now.files for use, path, _ in file.files}
    inputs = {one.use: one.input for one in made}
    for use in sorted((paths.keys() | inputs.keys()) - now.missing):
        if use not in paths or _is_other(inputs.get(use), paths[use]):
            return Reason(Cause.IMAGE, f"the {_WHAT[use]} of another program has changed")
    return None


def _is_other(then: Input | None, path: Path) -> bool:
    """Tell whether a file is another one than then; of one that is gone since it was found, assume not."""
    try:
        return then is None or not then.is_in(path)
    except OSError:
        return False
