"""What readouts need of a scan, its features joined with covariates, and the files of its scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.derivatives import Derivatives, image_sidecar
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.apply import Measured, measured
from neurofm_bids.readouts.columns import scan_values
from neurofm_bids.readouts.readout import Readout
from neurofm_bids.records.columns import quality_row
from neurofm_bids.records.dictionary import readout_columns
from neurofm_bids.records.feature_table import read_features
from neurofm_bids.records.scan import ScanRecord
from neurofm_bids.records.schema import to_json
from neurofm_bids.records.score import Profile
from neurofm_bids.records.score_columns import SCORE_COLUMNS, score_rows
from neurofm_bids.storage.atomic import remove_leftovers, write_json, write_text
from neurofm_bids.storage.tables import table_text

__all__ = ["measured_scan", "write_profile"]

_DIGITS = 7


def measured_scan(out: Derivatives, record: ScanRecord, covariates: Covariates) -> Measured:
    """Return what readouts need to know of a finished scan.

    Raises
    ------
    NeuroFMError
        The table of its features cannot be read.
    """
    path = out.path(record.scan, "features")
    try:
        latent = read_features(path)
    except (OSError, ValueError) as error:
        raise NeuroFMError(
            f"the features cannot be read ({error})",
            where=path,
            fix="Run the participant level again with --force for this participant.",
        ) from error
    person = covariates.person(record.scan)
    recorded = {"age": person.age_years, "sex": person.sex, **scan_values(covariates, record.scan)}
    return measured(record, latent, {**quality_row(record), **recorded}, person.age_years)


def write_profile(
    out: Derivatives, record: ScanRecord, scores: Profile | None, readouts: Sequence[Readout]
) -> None:
    """Write the scores of a scan, its profile and their data dictionary; remove them where there are none.

    Raises
    ------
    NeuroFMError
        They cannot be written: the disk is full, for example.
    """
    path = out.path(record.scan, "readouts")
    remove_leftovers([path, image_sidecar(path)])
    if scores is None:
        out.remove_joined(record.scan, "readouts")
        return
    write_text(path, table_text(SCORE_COLUMNS, score_rows(scores.scores), _DIGITS))
    write_json(image_sidecar(path), {**_about(record, scores, readouts), **readout_columns()})


def _about(record: ScanRecord, scores: Profile, readouts: Sequence[Readout]) -> dict[str, Any]:
    text = "Scores of linear readouts of the features, by domain; statistical scores, not a diagnosis"
    made = {
        "Model": record.provenance.model.name,
        "WeightsSHA256": record.provenance.model.weights_sha256,
        "Readouts": [_described(readout) for readout in readouts],
    }
    return {
        "Description": text,
        "Sources": [record.scan.uri],
        "NeuroFM": made,
        "Profile": to_json(scores),
    }


def _described(readout: Readout) -> dict[str, Any]:
    held_out = to_json(readout.evaluation)
    return {
        **readout.about,
        "License": readout.license,
        "Covariates": [one.name for one in readout.covariates],
        "HeldOut": {"Metrics": held_out["Metrics"], "Scheme": held_out["Scheme"]},
        "Notes": list(readout.notes),
    }
