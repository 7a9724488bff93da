"""What a run is going to do: which scans to process, which are up to date, which cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from neurofm_bids.bids.covariates import Participant, read_participants
from neurofm_bids.bids.discovery import Refused, Scan, find_scans
from neurofm_bids.bids.names import Derivatives
from neurofm_bids.config import Config
from neurofm_bids.engine.run_log import Failure
from neurofm_bids.model.registry import ModelSpec, model_spec
from neurofm_bids.model.weights import identify
from neurofm_bids.participant.images import count_voxels
from neurofm_bids.participant.record import why_to_do

__all__ = ["Job", "Plan", "ScanJob", "make_job", "make_plan"]


@dataclass(frozen=True)
class Plan:
    """What a run is going to do.

    Parameters
    ----------
    todo, done
        Scans to process and scans whose outputs are up to date.
    failed
        Scans that cannot be used.
    skipped
        Participants without any T1w image.
    why
        Why each scan of ``todo`` has to be done.
    """

    todo: tuple[Scan, ...]
    done: tuple[Scan, ...]
    failed: tuple[Failure, ...]
    skipped: tuple[Refused, ...]
    why: Mapping[Scan, str]

    def table(self) -> list[tuple[str, str, str]]:
        """Return ``(what happens, scan, why)`` for every scan."""
        rows = [("run", str(scan.relative), self.why[scan]) for scan in self.todo]
        rows += [("up to date", str(scan.relative), "outputs exist") for scan in self.done]
        rows += [("cannot run", f.scan, f.reason) for f in self.failed]
        rows += [("skip", r.path.name, r.reason) for r in self.skipped]
        return sorted(rows, key=lambda row: row[1])


@dataclass(frozen=True)
class Job:
    """What every step of one run shares."""

    config: Config
    out: Derivatives
    spec: ModelSpec
    weights_sha256: str
    participants: dict[str, Participant]

    def of(self, scan: Scan) -> ScanJob:
        """Return what the steps of one scan need."""
        participant = self.participants.get(scan.subject)
        return ScanJob(scan, self.config, participant, self.weights_sha256, count_voxels(scan.path))


@dataclass(frozen=True)
class ScanJob:
    """What the steps of one scan need; small, as it travels to a worker.

    Parameters
    ----------
    voxels
        Number of voxels by the header, or None if it cannot be read.
    """

    scan: Scan
    config: Config
    participant: Participant | None
    weights_sha256: str
    voxels: int | None = None

    @property
    def spec(self) -> ModelSpec:
        """The model."""
        return model_spec(self.config.processing.model)

    @property
    def out(self) -> Derivatives:
        """Names of the outputs."""
        return Derivatives(self.config.out_dir, self.spec.label, self.config.processing.template)


def make_job(config: Config) -> Job:
    """Return what the steps of a run share.

    Raises
    ------
    NeuroFMError
        There is no such model, or no weights.
    """
    spec, weights_sha256 = identify(config.processing.model, config.processing.weights)
    out = Derivatives(config.out_dir, spec.label, config.processing.template)
    return Job(config, out, spec, weights_sha256, read_participants(config.bids_dir))


def make_plan(job: Job) -> Plan:
    """Find the scans and decide which have to be done, from the input and the outputs alone.

    Raises
    ------
    NeuroFMError
        There is no dataset, or nothing is selected.
    """
    selection = find_scans(job.config)
    config = job.config
    why = {
        scan: "forced" if config.outputs.force else why_to_do(scan, job.out, config, job.weights_sha256)
        for scan in selection.scans
    }
    todo = tuple(scan for scan in selection.scans if why[scan])
    done = tuple(scan for scan in selection.scans if not why[scan])
    named = bool(config.selection.participant_label)
    skipped = tuple(r for r in selection.refused if r.scan is None and not named)
    failed = tuple(_refusal(config, r) for r in selection.refused if r not in skipped)
    return Plan(todo, done, failed, skipped, why)


def _refusal(config: Config, refused: Refused) -> Failure:
    subject = refused.scan.subject if refused.scan else refused.path.name.removeprefix("sub-")
    stem = refused.scan.stem if refused.scan else ""
    where = refused.path.relative_to(config.bids_dir).as_posix()
    return Failure(where, subject, stem, "select", refused.reason, refused.fix)
