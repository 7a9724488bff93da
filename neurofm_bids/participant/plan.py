"""What a run is going to do: which scans to process, which are up to date, which cannot be used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from neurofm_bids.anatomy.weights import bundled_sha256
from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.bids.derived import BIAS_CORRECTED, MASK, DerivedFile, find_derived
from neurofm_bids.bids.discovery import Refused, Scan, find_scans
from neurofm_bids.config import Config
from neurofm_bids.derivative_options import DERIVATIVES
from neurofm_bids.errors import NeuroFMError, with_fix
from neurofm_bids.explain.readout import LinearReadout
from neurofm_bids.model.registry import ModelSpec
from neurofm_bids.model.weights import identify
from neurofm_bids.norms.reference import PUBLISHED, Reference
from neurofm_bids.norms.user_reference import read_reference
from neurofm_bids.participant.freshness import Cause, Reason, is_older, why_process
from neurofm_bids.participant.given_readouts import given_readouts
from neurofm_bids.pipeline.attributed import attributed, linear_readouts
from neurofm_bids.pipeline.steps import PIPELINE_VERSION
from neurofm_bids.pipeline.task import Task, acquisition, identity
from neurofm_bids.readouts.readout import Readout
from neurofm_bids.records.failure import Failure
from neurofm_bids.records.origin import Origin, make_origin
from neurofm_bids.storage.atomic import file_version

__all__ = ["Job", "Plan", "make_job", "make_plan"]


_NONE: Mapping[str, str] = {}


@dataclass(frozen=True)
class Job:
    """What the scans of one run share (a :class:`neurofm_bids.engine.process.Job`).

    Parameters
    ----------
    versions
        With ``--force``: the version of each scan's sidecar when the run began.
    reference
        With whose volumes those of the scans are compared.
    readouts
        Whose scores the scans get.
    attributed
        Those of them that are attributed.
    """

    config: Config
    out: Derivatives
    spec: ModelSpec
    weights_sha256: str
    versions: Mapping[Scan, tuple[int, ...]] = field(default_factory=dict)
    reference: Reference = PUBLISHED
    readouts: tuple[Readout, ...] = ()
    attributed: tuple[LinearReadout, ...] = ()

    def task(self, scan: Scan) -> Task:
        """Return what the steps of one scan need."""
        return Task(
            scan.path,
            identity(scan),
            acquisition(scan),
            self.config.processing,
            self.weights_sha256,
            self.config.out_dir,
            self.config.outputs.output_images,
            self.config.resources.omp_nthreads,
            self.attributed,
            self.derived(scan),
        )

    def derived(self, scan: Scan) -> tuple[DerivedFile, ...]:
        """Return the images of other programs that take the place of steps of a scan.

        Raises
        ------
        NeuroFMError
            A derivative lacks one.
        """
        processing = self.config.processing
        used = {MASK: processing.skull_strip, BIAS_CORRECTED: processing.bias_correction}
        files = []
        for kind in (kind for kind, method in used.items() if method == DERIVATIVES):
            found = find_derived(scan, kind, processing.derivatives)
            if not isinstance(found, DerivedFile):
                raise NeuroFMError(found[0], fix=found[1])
            files.append(found)
        return tuple(files)

    def why(self, scan: Scan) -> Reason | None:
        """Return why a scan has to be processed, or None if it is up to date.

        Raises
        ------
        NeuroFMError
            A derivative lacks an image of the scan.
        """
        weights, attributed = self.weights_sha256, self.attributed
        return why_process(scan, self.out, self.config, weights, attributed, self.derived(scan))

    def is_done(self, scan: Scan) -> bool:
        """Tell whether another run finished a scan; with ``--force`` only since this one began."""
        if scan in self.versions and self.versions[scan] == file_version(self.out.path(scan, "sidecar")):
            return False
        return self.why(scan) is None

    def forget(self, scan: Scan) -> None:
        """Remove the file that marks a scan as finished."""
        self.out.forget(scan)

    def started(self, scans: Iterable[Scan]) -> Job:
        """Return the job as it is when the run begins to process these scans."""
        if not self.config.outputs.force:
            return self
        return replace(self, versions={scan: file_version(self.out.path(scan, "sidecar")) for scan in scans})


@dataclass(frozen=True)
class Plan:
    """What a run is going to do.

    Parameters
    ----------
    todo
        Scans to process, and why.
    done
        Scans whose outputs are up to date.
    failed
        Scans that cannot be used.
    skipped
        Images that are left out, and participants without any.
    excluded
        Paths under the dataset of images that labels and filters exclude.
    """

    todo: Mapping[Scan, Reason]
    done: tuple[Scan, ...]
    failed: tuple[Failure, ...]
    skipped: tuple[Refused, ...]
    excluded: tuple[str, ...] = ()

    @property
    def subjects(self) -> set[str]:
        """Participants with a scan to process, one that is up to date, or one that cannot be used."""
        return {scan.subject for scan in (*self.todo, *self.done)} | {f.subject for f in self.failed}

    def table(self, failures: Mapping[str, str] = _NONE) -> list[tuple[str, str, str]]:
        """Return ``(what happens, scan, why)`` for every scan.

        Parameters
        ----------
        failures
            Why scans failed in earlier runs, by stem.
        """
        rows = [("run", str(scan.relative), _why(scan, self.todo[scan], failures)) for scan in self.todo]
        rows += [("up to date", str(scan.relative), "outputs exist") for scan in self.done]
        rows += [("cannot run", f.scan, with_fix(f.reason, f.fix)) for f in self.failed]
        rows += [("skip", r.where, with_fix(r.reason, r.fix)) for r in self.skipped]
        return sorted(rows, key=lambda row: row[1])


def make_job(config: Config) -> Job:
    """Return what the scans of a run share.

    Raises
    ------
    NeuroFMError
        There is no such model, or no weights, or there is no such target or readout to attribute, or the
        reference or a readout cannot be used with them.
    """
    spec, weights_sha256 = identify(config.processing.model, config.processing.weights)
    out = Derivatives(config.out_dir, spec.label, config.processing.template)
    origin = _origin(config, weights_sha256)
    readouts = given_readouts(config.readouts.files, origin)
    linear = linear_readouts(readouts, config.processing.attribution, spec, origin)
    names = [readout.task.name for readout in readouts]
    attributed(spec, config.processing.attribution, linear, names)  # unknown names are refused here
    return Job(
        config,
        out,
        spec,
        weights_sha256,
        reference=_reference(config, origin),
        readouts=readouts,
        attributed=linear,
    )


def _origin(config: Config, weights_sha256: str) -> Origin:
    """Return how the run makes volumes and features."""
    anatomy = None if config.processing.no_anatomy else bundled_sha256()
    return make_origin(PIPELINE_VERSION, weights_sha256, anatomy, config.processing.parameters)


def _reference(config: Config, origin: Origin) -> Reference:
    path = config.centiles.reference
    if path is None:
        return PUBLISHED
    reference = read_reference(path)
    if why := reference.refuses(origin):
        raise NeuroFMError(
            f"the reference cannot be used in this run: it was {why}",
            where=path,
            fix="Make it again with --make-reference, or omit --reference.",
        )
    return reference


def make_plan(job: Job) -> Plan:
    """Find the scans and decide which have to be processed, from the input and the outputs alone.

    Raises
    ------
    NeuroFMError
        There is no dataset, or nothing is selected.
    """
    selection = find_scans(job.config)
    reasons: dict[Scan, Reason | None] = {}
    refused = list(selection.refused)
    for scan in selection.scans:
        try:
            reasons[scan] = _reason(job, scan)
        except NeuroFMError as error:
            refused.append(Refused(scan.path, scan, error.what, error.fix))  # a derivative lacks its image
    return Plan(
        todo={scan: reason for scan, reason in reasons.items() if reason is not None},
        done=tuple(scan for scan, reason in reasons.items() if reason is None),
        failed=tuple(map(_refusal, refused)),
        skipped=selection.skipped,
        excluded=selection.excluded,
    )


def _reason(job: Job, scan: Scan) -> Reason | None:
    """Return why a scan has to be processed, None if it is up to date."""
    reason = job.why(scan)
    return Reason(Cause.FORCED, "forced") if _is_forced(job, scan) else reason


def _is_forced(job: Job, scan: Scan) -> bool:
    """Tell whether a scan is processed whatever its outputs; with an index, only once since it was made."""
    config, index = job.config, job.config.selection.index
    return config.outputs.force and (index is None or is_older(job.out.path(scan, "sidecar"), index))


def _why(scan: Scan, reason: Reason, failures: Mapping[str, str]) -> str:
    return failures.get(scan.stem, reason.text) if reason.cause is Cause.NEW else reason.text


def _refusal(refused: Refused) -> Failure:
    subject = refused.scan.subject if refused.scan else refused.path.name.removeprefix("sub-")
    stem = refused.scan.stem if refused.scan else ""
    return Failure(refused.where, subject, stem, "select", refused.reason, refused.fix)
