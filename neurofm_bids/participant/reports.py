"""Reports and citation text, made from what lies in the output folder."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from neurofm_bids.bids.names import FIGURES, Derivatives
from neurofm_bids.config import Config
from neurofm_bids.engine.run_log import Failure
from neurofm_bids.model.registry import ModelSpec
from neurofm_bids.participant.record import software
from neurofm_bids.report.methods import bibliography, methods_text
from neurofm_bids.report.participant import (
    ReportFailure,
    ScanReport,
    outputs_comment,
    write_participant_report,
)
from neurofm_bids.storage.atomic import remove_leftovers, write_text
from neurofm_bids.storage.locks import Locks

__all__ = ["is_current", "write_citation", "write_reports"]

_ENDING = 200  # bytes at the end of a report that hold what it was made from


def write_citation(out_dir: Path, config: Config, spec: ModelSpec) -> None:
    """Write ``logs/CITATION.md`` and ``.bib`` for what is actually run."""
    text = methods_text(
        config.processing.parameters, model=spec.name, notice=spec.notice, versions=software()
    )
    write_text(out_dir / "logs" / "CITATION.md", text)
    write_text(out_dir / "logs" / "CITATION.bib", bibliography(config.processing.parameters))


def write_reports(
    out: Derivatives, config: Config, subjects: Iterable[str], failures: Sequence[Failure], locks: Locks
) -> set[Path]:
    """Write the report of each participant from the outputs found and the failures of this run."""
    written = set()
    for subject in sorted(subjects):
        mine = [failure for failure in failures if failure.subject == subject]
        with locks.held(f"report {subject}"):
            written |= _write_report(out, config, subject, mine)
    return written


def _write_report(out: Derivatives, config: Config, subject: str, failures: Sequence[Failure]) -> set[Path]:
    path, outputs = out.report(subject), _outputs(out, subject)
    finished = list(_finished(out, subject, {failure.stem for failure in failures}))
    scans = sorted([*finished, *(_failed(failure) for failure in failures)], key=lambda scan: scan.stem)
    if not scans:
        return set()
    remove_leftovers([path])
    text, references = _methods(finished)
    write_participant_report(
        subject,
        scans,
        path,
        versions=software(),
        command=config.command,
        methods=text,
        references=references,
        outputs=outputs,
    )
    return {path}


def is_current(out: Derivatives, subject: str) -> bool:
    """Tell whether the report of a participant was made from the outputs that are there now."""
    try:
        with out.report(subject).open("rb") as stream:
            stream.seek(-_ENDING, os.SEEK_END)
            return outputs_comment(_outputs(out, subject)).encode() in stream.read()
    except OSError:  # there is none, or it is too short to be one
        return False


def _outputs(out: Derivatives, subject: str) -> str:
    """Return a hash of what the report of a participant tells: records and sidecars of its finished scans."""
    found = hashlib.sha256()
    for record, sidecar in _records(out, subject):
        found.update(record.name.encode() + record.read_bytes() + sidecar.read_bytes())
    return found.hexdigest()


def _methods(finished: Sequence[ScanReport]) -> tuple[str, str]:
    """Return methods and references of the settings and versions that made the scans, each once."""
    texts: dict[str, None] = {}
    references: dict[str, None] = {}
    for scan in finished:
        if scan.record is None or scan.sidecar is None:
            continue
        made, model = scan.sidecar["NeuroFM"], scan.record["Model"]
        parameters = made["Parameters"]
        text = methods_text(
            parameters, model=model["Name"], notice=model["Notice"], versions=made["Software"]
        )
        texts[text] = None
        references[bibliography(parameters)] = None
    return "\n".join(texts), "\n".join(references)


def _finished(out: Derivatives, subject: str, failed: set[str]) -> Iterator[ScanReport]:
    root = out.out_dir / f"sub-{subject}"
    for path, sidecar in _records(out, subject):
        stem = path.name.split("_desc-")[0]
        if stem not in failed:
            yield ScanReport(stem, _read(path), None, _figures(root, stem), _read(sidecar))


def _records(out: Derivatives, subject: str) -> Iterator[tuple[Path, Path]]:
    """Yield predictions record and sidecar of every finished scan of a participant."""
    root, ending = out.out_dir / f"sub-{subject}", f"_desc-{out.label}_predictions.json"
    for path in sorted([*root.glob(f"anat/*{ending}"), *root.glob(f"ses-*/anat/*{ending}")]):
        sidecar = path.with_name(path.name.replace("_predictions.json", "_features.json"))
        if sidecar.is_file() and not path.name.startswith("."):
            yield path, sidecar


def _figures(root: Path, stem: str) -> dict[str, Path]:
    paths = {name: root / "figures" / f"{stem}_desc-{name}_T1w.svg" for name in FIGURES}
    return {name: path for name, path in paths.items() if path.is_file()}


def _failed(failure: Failure) -> ScanReport:
    reason = ReportFailure(failure.step, failure.reason, failure.fix)
    return ScanReport(failure.stem or failure.scan, None, reason, {}, None)


def _read(path: Path) -> Any:
    return json.loads(path.read_text())
