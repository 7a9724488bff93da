"""Reports and citation text, made from what lies in the output folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from neurofm_bids.bids.derivatives import Derivatives, write_text
from neurofm_bids.config import Config
from neurofm_bids.model.models import ModelSpec
from neurofm_bids.report.methods import bibliography, methods_text
from neurofm_bids.report.participant import ReportFailure, ScanReport, write_participant_report
from neurofm_bids.workflow.record import software
from neurofm_bids.workflow.runlog import Failure

__all__ = ["write_citation", "write_reports"]

_FIGURES = ("mask", "registration", "grid")


def write_citation(out_dir: Path, config: Config, spec: ModelSpec) -> None:
    """Write ``logs/CITATION.md`` and ``.bib`` for what is actually run."""
    text = methods_text(config.parameters, model=spec.name, notice=spec.notice, versions=software())
    write_text(out_dir / "logs" / "CITATION.md", text)
    write_text(out_dir / "logs" / "CITATION.bib", bibliography(config.parameters))


def write_reports(
    out: Derivatives, config: Config, subjects: Sequence[str], failures: Sequence[Failure]
) -> tuple[Path, ...]:
    """Write the report of each participant from the outputs found and the failures of this run."""
    written = []
    for subject in subjects:
        mine = [failure for failure in failures if failure.subject == subject]
        finished = list(_finished(out, subject, {failure.stem for failure in mine}))
        scans = [*finished, *(_failed(failure) for failure in mine)]
        if scans:
            scans.sort(key=lambda scan: scan.stem)
            path = out.report(subject)
            text, references = _methods(finished)
            write_participant_report(
                subject,
                scans,
                path,
                versions=software(),
                command=config.command,
                methods=text,
                references=references,
            )
            written.append(path)
    return tuple(written)


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
    ending = f"_desc-{out.label}_predictions.json"
    for path in sorted([*root.glob(f"anat/*{ending}"), *root.glob(f"ses-*/anat/*{ending}")]):
        stem = path.name.removesuffix(ending)
        sidecar = path.with_name(f"{stem}_desc-{out.label}_features.json")
        if stem in failed or not sidecar.is_file():
            continue
        yield ScanReport(stem, _read(path), None, _figures(root, stem), _read(sidecar))


def _figures(root: Path, stem: str) -> dict[str, Path]:
    paths = {name: root / "figures" / f"{stem}_desc-{name}_T1w.svg" for name in _FIGURES}
    return {name: path for name, path in paths.items() if path.is_file()}


def _failed(failure: Failure) -> ScanReport:
    reason = ReportFailure(failure.step, failure.reason, failure.fix)
    return ScanReport(failure.stem or failure.scan, None, reason, {}, None)


def _read(path: Path) -> Any:
    return json.loads(path.read_text())
