"""Reading what the group level keeps of scans, joined with their participants."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path, PurePosixPath
from time import time_ns

from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.demographics import Person
from neurofm_bids.bids.derivatives import Derivatives, image_sidecar
from neurofm_bids.bids.filters import Selector
from neurofm_bids.bids.names import SCAN_OUTPUTS
from neurofm_bids.bids.source import Comparison
from neurofm_bids.bids.stored import StoredScan
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.group.entry import Own, entry_of
from neurofm_bids.group.member import make_member
from neurofm_bids.group.reading import read_scan
from neurofm_bids.group.readout_scores import read_scores
from neurofm_bids.group.scan_index import Row
from neurofm_bids.norms.reference import Reference
from neurofm_bids.records.scan import Identity, Input
from neurofm_bids.storage.atomic import status_version

__all__ = ["ScanReader"]

_SETTLED_NS = 2_000_000_000  # a file that was just written may change again without another time
_TIMES = slice(1, 3)  # of a version
_CONTENTS = ("sidecar", "predictions", "features", "readouts")  # files whose content is read


@dataclass(frozen=True)
class ScanReader:
    """Reads scans and joins their participants.

    Parameters
    ----------
    out
        The outputs.
    covariates
        Of the dataset.
    selector, is_ignored
        Which scans are joined: those of selected images that ``.bidsignore`` does not exclude.
    reference
        Of the volumes.
    include_failed
        Whether scans whose quality is judged as fail take part in statistics.
    """

    out: Derivatives
    covariates: Covariates
    selector: Selector
    is_ignored: Callable[[str], bool]
    reference: Reference
    include_failed: bool = False

    def is_selected(self, scan: Identity) -> bool:
        """Tell whether the image of a scan is selected."""
        return self.selector(scan.subject or "", PurePosixPath(scan.path).name)

    def read(self, scan: StoredScan) -> Row | str:
        """Return what is kept of a scan, or why it cannot be used."""
        start, versions = time_ns(), self._versions(scan)
        try:
            record, features = read_scan(self.out, scan)
        except NeuroFMError as error:
            return str(error)
        image = self._compare(record.scan, record.provenance.input)
        person = self.covariates.person(record.scan)
        scores, problem = read_scores(self.out, scan)
        member = make_member(record, person, self.reference, include_failed=self.include_failed)
        entry = entry_of(record, replace(member, scores=scores), features, problem)
        template = str(record.provenance.parameters.get("template", self.out.template))
        times = (time for version in versions for time in version[_TIMES])
        is_settled = max(times, default=start) + _SETTLED_NS < start
        return Row(
            json.dumps([template, versions]) if is_settled else "", self._joined(person), _text(image), entry
        )

    def is_current(self, scan: StoredScan, row: Row) -> bool:
        """Tell whether the files of a scan are those that were read, and none is missing."""
        if not row.files:
            return False
        template, versions = json.loads(row.files)
        folder = self._folder(scan)
        others = (f"{folder}{scan.stem}_{ending}" for ending in _other_endings(self.out.label, template))
        return versions == self._versions(scan) and all(map(_is_filled, others))

    def compare(self, own: Own, row: Row) -> None:
        """Compare the image of a scan that was read."""
        known = json.loads(row.image)
        self._compare(own.scan, own.image, Comparison(tuple(known[0]), known[1]) if known else None)

    def is_joined(self, scan: Identity, row: Row) -> bool:
        """Tell whether what is joined to a scan whose image was compared is what was joined to its row."""
        return row.joined == self._joined(self.covariates.person(scan))

    def _compare(
        self, scan: Identity, image: Input | None, known: Comparison | None = None
    ) -> Comparison | None:
        if not self.is_selected(scan) or self.is_ignored(scan.path):
            return None
        return self.covariates.images.compare_with(scan, image, known)

    def _joined(self, person: Person) -> str:
        known = person.age_years, person.sex, person.remarks
        return f"{json.dumps(known)} {self._same_for_all}"

    @cached_property
    def _same_for_all(self) -> str:
        return json.dumps([dict(self.reference.about), self.include_failed])

    def _folder(self, scan: StoredScan) -> str:
        session = f"ses-{scan.session}/" if scan.session else ""
        return f"{self.out.out_dir}/sub-{scan.subject}/{session}anat/"

    def _versions(self, scan: StoredScan) -> list[list[int]]:
        """Return the versions of the files whose content is read."""
        folder = self._folder(scan)
        return [_version(f"{folder}{scan.stem}_{ending}") for ending in _endings(self.out.label)]


@cache
def _endings(label: str) -> tuple[str, ...]:
    endings = {name: SCAN_OUTPUTS[name].ending.format(label=label) for name in _CONTENTS}
    return tuple(
        image_sidecar(Path(end)).name if name == "readouts" else end for name, end in endings.items()
    )


@cache
def _other_endings(label: str, template: str) -> list[str]:
    """Return the endings of the files that must be there, but whose content is not read."""
    nowhere = StoredScan("", None, "")
    required = Derivatives(Path("/"), label, template).required(nowhere)
    return sorted({path.name.removeprefix("_") for path in required} - set(_endings(label)))


def _version(path: str) -> list[int]:
    try:
        return list(status_version(os.stat(path)))  # noqa: PTH116 -- fast
    except OSError:
        return []


def _is_filled(path: str) -> bool:
    try:
        status = os.stat(path)  # noqa: PTH116 -- fast
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size > 0


def _text(image: Comparison | None) -> str:
    return json.dumps(image and [image.version, image.is_other])
