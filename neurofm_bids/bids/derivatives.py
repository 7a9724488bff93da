"""Paths of the outputs under one folder."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from neurofm_bids.bids.names import DATASET_OUTPUTS, GROUP_OUTPUTS, INTERIM, REPORT, SCAN_OUTPUTS
from neurofm_bids.config import TEMPLATE
from neurofm_bids.errors import NeuroFMError, disk_errors
from neurofm_bids.storage.atomic import remove_leftovers

__all__ = ["Derivatives", "Named", "image_sidecar"]


class Named(Protocol):
    """What the names of a scan's outputs are made from: labels without prefix, and the stem of its file."""

    @property
    def subject(self) -> str | None: ...  # noqa: D102
    @property
    def session(self) -> str | None: ...  # noqa: D102
    @property
    def stem(self) -> str: ...  # noqa: D102


# The sidecar is written last: it marks the scan as finished.
@dataclass(frozen=True)
class Derivatives:
    """Names of the outputs under one folder for one model.

    Parameters
    ----------
    out_dir
        Root of the derivative dataset.
    label
        Model label used in ``desc-`` (``openS``).
    template
        Name of the template used in transforms.
    """

    out_dir: Path
    label: str
    template: str = TEMPLATE

    def path(self, scan: Named, name: str) -> Path:
        """Return one of :data:`SCAN_OUTPUTS` of a scan.

        Raises
        ------
        NeuroFMError
            A label would lead out of the output folder.
        """
        output = SCAN_OUTPUTS[name]
        folder = self.out_dir / f"sub-{scan.subject}" / "figures" if output.is_figure else self.folder(scan)
        ending = output.ending.format(label=self.label, template=self.template)
        return self._inside(folder / f"{scan.stem}_{ending}")

    def folder(self, scan: Named) -> Path:
        """Return ``sub-XX/[ses-YY/]anat``."""
        subject = self.out_dir / f"sub-{scan.subject}"
        return (subject / f"ses-{scan.session}" if scan.session else subject) / "anat"

    def interim(self, scan: Named) -> Path:
        """Return the folder of what the stage of preprocessing leaves of a scan for that of encoding.

        Raises
        ------
        NeuroFMError
            A label would lead out of the output folder.
        """
        return self._inside(self.out_dir / INTERIM / scan.stem)

    def _inside(self, path: Path) -> Path:
        inside = Path(os.path.normpath(path)).is_relative_to(os.path.normpath(self.out_dir))
        if inside and "\0" not in str(path):
            return path
        raise NeuroFMError(
            "a label points outside the output folder", where=repr(str(path)), fix="Rename it."
        )

    def figures(self, scan: Named) -> dict[str, Path]:
        """Return the figures of a scan that exist, by name without ``_figure``."""
        names = [name for name, output in SCAN_OUTPUTS.items() if output.is_figure]
        paths = {name.removesuffix("_figure"): self.path(scan, name) for name in names}
        return {name: path for name, path in paths.items() if path.is_file()}

    def required(self, scan: Named, parts: Collection[str] = ()) -> list[Path]:
        """Return the files without which a scan does not count as finished.

        Parameters
        ----------
        parts
            Optional parts of the outputs.
        """
        return [
            self.path(scan, name)
            for name, output in SCAN_OUTPUTS.items()
            if not (output.is_figure or output.is_joined) and {*output.parts} <= {*parts}
        ]

    def remove_others(self, scan: Named, written: Collection[str]) -> None:
        """Remove the optional outputs and figures of an earlier run, all but some.

        Outputs that are shared with another model stay if it has outputs of the scan.

        Parameters
        ----------
        written
            Names in :data:`SCAN_OUTPUTS`.
        """
        is_shared = self.has_other_models(scan)
        for name, output in SCAN_OUTPUTS.items():
            may_stay = name in written or not (output.parts or output.is_figure)
            if may_stay or (is_shared and "{label}" not in output.ending):
                continue
            self.path(scan, name).unlink(missing_ok=True)
            image_sidecar(self.path(scan, name)).unlink(missing_ok=True)

    def has_other_models(self, scan: Named) -> bool:
        """Return whether another model has outputs of the scan: they share all names without its label."""
        names = glob.escape(f"{scan.stem}_") + SCAN_OUTPUTS["sidecar"].ending.format(label="*")
        return any(path != self.path(scan, "sidecar") for path in self.folder(scan).glob(names))

    def report(self, subject: str) -> Path:
        """Return the report of one participant; its PDF has the same name with another extension."""
        return self._inside(self.out_dir / REPORT.format(subject))

    def group(self, name: str) -> Path:
        """Return one of :data:`GROUP_OUTPUTS`."""
        return self.out_dir / GROUP_OUTPUTS[name].format(label=self.label, template=self.template)

    def check(self) -> None:
        """Raise if the output folder that :mod:`neurofm_bids.bids.dataset` prepared does not exist any more.

        Raises
        ------
        NeuroFMError
            It was removed or unmounted: writing would go to another disk.
        """
        with disk_errors(self.out_dir):
            (self.out_dir / DATASET_OUTPUTS["description"]).stat()

    def forget(self, scan: Named) -> None:
        """Remove the sidecar, which marks the scan as finished, joined outputs, and interrupted writes.

        Only the run that holds the scan's lock may do this.
        """
        with disk_errors(self.folder(scan)):
            self.path(scan, "sidecar").unlink(missing_ok=True)
            self.remove_joined(scan)
            paths = [self.path(scan, name) for name in SCAN_OUTPUTS]
            remove_leftovers([*paths, *map(image_sidecar, paths)])

    def remove_joined(self, scan: Named, *names: str) -> None:
        """Remove what is made with the reports, all of it or some outputs.

        Raises
        ------
        NeuroFMError
            A file cannot be removed.
        """
        every = [name for name, output in SCAN_OUTPUTS.items() if output.is_joined]
        paths = [self.path(scan, name) for name in names or every]
        with disk_errors(self.folder(scan)):
            for path in paths:
                path.unlink(missing_ok=True)
                image_sidecar(path).unlink(missing_ok=True)


def image_sidecar(path: Path) -> Path:
    """Return the JSON file beside an image or a table.

    >>> image_sidecar(Path("sub-01_desc-brain_mask.nii.gz")).name
    'sub-01_desc-brain_mask.json'
    """
    return path.with_name(path.name.split(".")[0] + ".json")
