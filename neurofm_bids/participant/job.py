"""What the scans of one run share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from neurofm_bids.anatomy.weights import bundled_sha256
from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.bids.discovery import Scan
from neurofm_bids.config import PREPROCESS, Config
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.explain.readout import LinearReadout
from neurofm_bids.model.registry import ModelSpec
from neurofm_bids.model.weights import identify
from neurofm_bids.norms.reference import PUBLISHED, Reference
from neurofm_bids.norms.user_reference import read_reference
from neurofm_bids.participant.freshness import Reason, why_preprocess, why_process
from neurofm_bids.participant.given_readouts import given_readouts
from neurofm_bids.participant.lookup import Lookup, look_up
from neurofm_bids.pipeline.attributed import attributed, linear_readouts
from neurofm_bids.pipeline.hand_over import signature_path
from neurofm_bids.pipeline.steps import PIPELINE_VERSION
from neurofm_bids.pipeline.task import Task, acquisition, identity
from neurofm_bids.readouts.readout import Readout
from neurofm_bids.records.origin import Origin, make_origin
from neurofm_bids.storage.atomic import file_version

__all__ = ["Job", "make_job"]


@dataclass(frozen=True)
class Job:
    """What the scans of one run share (a :class:`neurofm_bids.engine.process.Job`).

    Parameters
    ----------
    versions
        With ``--force``: the version of each scan's marker when the run began.
    reference
        With whose volumes those of the scans are compared.
    readouts
        Whose scores the scans get.
    attributed
        Those of them that are attributed.
    lookups
        Files of other programs, filled when they are first asked for: one that vanishes during the run fails
        the step that reads it.
    """

    config: Config
    out: Derivatives
    spec: ModelSpec
    weights_sha256: str
    versions: Mapping[Scan, tuple[int, ...]] = field(default_factory=dict)
    reference: Reference = PUBLISHED
    readouts: tuple[Readout, ...] = ()
    attributed: tuple[LinearReadout, ...] = ()
    lookups: dict[Scan, Lookup] = field(default_factory=dict)

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
            self.lookup(scan).files,
            self.config.running.stage,
            self.config.running.keep_work,
        )

    def lookup(self, scan: Scan) -> Lookup:
        """Return the files of other programs that a scan is processed with, as they were first found."""
        if scan not in self.lookups:
            self.lookups[scan] = look_up(scan, self.config.processing)
        return self.lookups[scan]

    def why(self, scan: Scan) -> Reason | None:
        """Return why a scan has to be processed, or None if it is up to date."""
        derived = self.lookup(scan)
        reason = why_process(scan, self.out, self.config, self.weights_sha256, self.attributed, derived)
        if reason is None or self.config.running.stage != PREPROCESS:
            return reason
        return why_preprocess(scan, self.out, self.config, derived)

    def why_not_encoded(self, scan: Scan) -> NeuroFMError | None:
        """Return why the stage of encoding cannot process a scan; None if it can."""
        reason = why_preprocess(scan, self.out, self.config, self.lookup(scan))
        if reason is None:
            return None
        return NeuroFMError(
            f"the scan has to be preprocessed first ({reason.text})",
            fix="Run the same command with --stage preprocess.",
        )

    def marker(self, scan: Scan) -> Path:
        """Return the file that is written last when the stage of the run has processed a scan."""
        if self.config.running.stage == PREPROCESS:
            return signature_path(self.out.interim(scan))
        return self.out.path(scan, "sidecar")

    def is_done(self, scan: Scan) -> bool:
        """Tell whether another run finished a scan; with ``--force`` only since this one began."""
        if scan in self.versions and self.versions[scan] == file_version(self.marker(scan)):
            return False
        return self.why(scan) is None

    def forget(self, scan: Scan) -> None:
        """Remove the file that marks a scan as finished."""
        self.out.forget(scan)

    def started(self, scans: Iterable[Scan]) -> Job:
        """Return the job as it is when the run begins to process these scans."""
        if not self.config.outputs.force:
            return self
        return replace(self, versions={scan: file_version(self.marker(scan)) for scan in scans})


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
