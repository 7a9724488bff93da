"""BIDS out: the name of every output and the atomic writing of every file.

A file is written under a temporary name in its own folder and then moved into place, so a reader never
sees half of it and several processes may write the same tree at once. The features sidecar of a scan is
written last: it is what says that the scan is done.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from neurofm_bids.config import TEMPLATE
from neurofm_bids.errors import NeuroFMError, os_error
from neurofm_bids.storage.atomic import remove_leftovers

if TYPE_CHECKING:
    from neurofm_bids.bids.discovery import Scan

__all__ = ["FIGURES", "Derivatives"]

FIGURES = ("mask", "registration", "grid")


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

    def check(self) -> None:
        """Raise if the output folder that :mod:`neurofm_bids.bids.dataset` prepared is not there any more.

        Raises
        ------
        NeuroFMError
            It was removed or unmounted: writing would go to another disk.
        """
        try:
            (self.out_dir / "dataset_description.json").stat()
        except OSError as error:
            raise os_error(error, self.out_dir) from error

    def forget(self, scan: Scan) -> None:
        """Remove the sidecar of one scan, which says that it is done, and what interrupted writes left.

        Only the run that holds the scan's lock may do this.
        """
        try:
            self.sidecar(scan).unlink(missing_ok=True)
            remove_leftovers(self._files(scan))
        except OSError as error:
            raise os_error(error, self.folder(scan)) from error

    def _files(self, scan: Scan) -> list[Path]:
        images = [self.mask(scan), self.preproc(scan), self.model_grid(scan)]
        sidecars = [path.with_name(path.name.removesuffix(".nii.gz") + ".json") for path in images]
        texts = [self.features(scan), self.sidecar(scan), self.predictions(scan)]
        texts += [self.transform(scan, kind) for kind in ("rigid", "affine")]
        return [*images, *sidecars, *texts, *(self.figure(scan, desc) for desc in FIGURES)]

    def folder(self, scan: Scan) -> Path:
        """Return ``sub-XX/[ses-YY/]anat``."""
        subject = self.out_dir / f"sub-{scan.subject}"
        return (subject / f"ses-{scan.session}" if scan.session else subject) / "anat"

    def _anat(self, scan: Scan, ending: str) -> Path:
        return self._kept(self.folder(scan) / f"{scan.stem}_{ending}")

    def _kept(self, path: Path) -> Path:
        """Return a path, unless a label in it would lead out of the output folder."""
        inside = Path(os.path.normpath(path)).is_relative_to(os.path.normpath(self.out_dir))
        if inside and "\0" not in str(path):
            return path
        raise NeuroFMError("a label leads out of the output folder", where=repr(str(path)), fix="Rename it.")

    def features(self, scan: Scan) -> Path:
        """Return the features table of one scan."""
        return self._anat(scan, f"desc-{self.label}_features.tsv")

    def sidecar(self, scan: Scan) -> Path:
        """Return the provenance of the features, written last."""
        return self._anat(scan, f"desc-{self.label}_features.json")

    def predictions(self, scan: Scan) -> Path:
        """Return the record of predictions and quality."""
        return self._anat(scan, f"desc-{self.label}_predictions.json")

    def mask(self, scan: Scan) -> Path:
        """Return the brain mask on the T1w grid."""
        return self._anat(scan, "desc-brain_mask.nii.gz")

    def preproc(self, scan: Scan) -> Path:
        """Return the bias-corrected T1w on its own grid."""
        return self._anat(scan, "desc-preproc_T1w.nii.gz")

    def model_grid(self, scan: Scan) -> Path:
        """Return the volume that the network read."""
        return self._anat(scan, f"space-{self.label}_desc-brain_T1w.nii.gz")

    def transform(self, scan: Scan, kind: str) -> Path:
        """Return the ITK transform of one kind (``affine`` or ``rigid``)."""
        desc = "" if kind == "affine" else f"_desc-{kind}"
        return self._anat(scan, f"from-T1w_to-{self.template}_mode-image{desc}_xfm.txt")

    def figure(self, scan: Scan, desc: str) -> Path:
        """Return one figure of the report."""
        name = f"{scan.stem}_desc-{desc}_T1w.svg"
        return self._kept(self.out_dir / f"sub-{scan.subject}" / "figures" / name)

    def report(self, subject: str) -> Path:
        """Return the report of one participant."""
        return self._kept(self.out_dir / f"sub-{subject}.html")
