"""BIDS out: every output declared once, with its name.

From the tables here come the paths, what makes a scan count as finished, what is cleared when it is processed
again, ``.bidsignore`` and ``descriptions.tsv``.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from neurofm_bids.bids.output import ANATOMY, ATTRIBUTION, IMAGES, Output
from neurofm_bids.config import TEMPLATE
from neurofm_bids.errors import NeuroFMError, os_error
from neurofm_bids.storage.atomic import remove_leftovers

__all__ = [
    "DATASET_OUTPUTS",
    "FAILED",
    "GROUP_OUTPUTS",
    "LOCK",
    "LOGS",
    "READOUTS",
    "REPORT",
    "SCAN_OUTPUTS",
    "Derivatives",
    "Named",
    "descriptions",
    "ignored",
    "image_sidecar",
]


class Named(Protocol):
    """What the names of a scan's outputs are made from: labels without prefix, and the stem of its file."""

    @property
    def subject(self) -> str | None: ...  # noqa: D102
    @property
    def session(self) -> str | None: ...  # noqa: D102
    @property
    def stem(self) -> str: ...  # noqa: D102


# The sidecar is written last: it marks the scan as finished.
SCAN_OUTPUTS = {
    "mask": Output("desc-brain_mask.nii.gz", desc="Brain mask; for T1w images, the brain on the model grid"),
    "preproc": Output(
        "desc-preproc_T1w.nii.gz",
        parts=(IMAGES,),
        desc="Bias-corrected T1w on its own grid; the offset of the intensities is removed",
    ),
    "model_grid": Output("space-{label}_desc-brain_T1w.nii.gz", parts=(IMAGES,)),
    "affine": Output("from-T1w_to-{template}_mode-image_xfm.txt", is_bids=False),
    "rigid": Output(
        "from-T1w_to-{template}_mode-image_desc-rigid_xfm.txt",
        is_bids=False,
        desc="Rotation and translation of the registration to {template}",
    ),
    "segmentation": Output(
        "desc-anatomy_dseg.nii.gz",
        parts=(ANATOMY,),
        desc="Segmentation of the brain (codes of FreeSurfer), and the volumes of its regions",
    ),
    "morphometry": Output("desc-anatomy_morphometry.tsv", is_bids=False, parts=(ANATOMY,)),
    "attribution": Output(
        "desc-{label}_attribution.nii.gz",
        is_bids=False,
        parts=(ATTRIBUTION,),
    ),
    "attribution_regions": Output(
        "desc-{label}Attribution_regions.tsv",
        is_bids=False,
        parts=(ATTRIBUTION, ANATOMY),
        desc="Shares of regions of the brain in the attributions of the model {model}",
    ),
    "mask_figure": Output("desc-mask_T1w.svg", is_figure=True),
    "registration_figure": Output("desc-registration_T1w.svg", is_figure=True),
    "template_figure": Output("desc-template_T1w.svg", is_figure=True),
    "bias_figure": Output("desc-bias_T1w.svg", is_figure=True),
    "grid_figure": Output("desc-grid_T1w.svg", is_figure=True),
    "anatomy_figure": Output("desc-anatomy_T1w.svg", parts=(ANATOMY,), is_figure=True),
    "attribution_figure": Output("desc-attribution_T1w.svg", parts=(ATTRIBUTION,), is_figure=True),
    "viewer": Output("desc-viewer_T1w.nii.gz", is_figure=True),
    "predictions": Output(
        "desc-{label}_predictions.json",
        is_bids=False,
        desc="NeuroFM features and predictions of the model {model}",
    ),
    "features": Output("desc-{label}_features.tsv", is_bids=False),
    "centiles": Output("desc-{label}_centiles.tsv", is_bids=False, is_joined=True),
    "readouts": Output("desc-{label}_readouts.tsv", is_bids=False, is_joined=True),
    "sidecar": Output("desc-{label}_features.json", is_bids=False),
}

GROUP_OUTPUTS = {
    "features": "group_desc-{label}_features.tsv",
    "predictions": "group_desc-{label}_predictions.tsv",
    "quality": "group_desc-{label}_quality.tsv",
    "morphometry": "group_desc-{label}_morphometry.tsv",
    "centiles": "group_desc-{label}_centiles.tsv",
    "readouts": "group_desc-{label}_readouts.tsv",
    "evaluation": "group_desc-{label}_evaluation.tsv",
    "covariates": "group_desc-{label}_covariates.tsv",
    "components": "group_desc-{label}_components.tsv",
    "statistics": "group_desc-{label}_statistics.tsv",
    "sites": "group_desc-{label}_sites.tsv",
    "harmonised": "group_desc-{label}_harmonised.tsv",
    "agegap": "group_desc-{label}_agegap.tsv",
    "associations": "group_desc-{label}_associations.tsv",
    "change": "group_desc-{label}_change.tsv",
    "mixedmodel": "group_desc-{label}_mixedmodel.tsv",
    "clusters": "group_desc-{label}_clusters.tsv",
    "clusterstability": "group_desc-{label}_clusterstability.tsv",
    "clusterprofile": "group_desc-{label}_clusterprofile.tsv",
    "neighbours": "group_desc-{label}_neighbours.tsv",
    "review": "group_desc-{label}_review.tsv",
    "outliers": "group_desc-{label}_outliers.tsv",
    "drift": "group_desc-{label}_drift.tsv",
    "phenotype": "phenotype/neurofm.tsv",
    "attribution": "group_space-{template}_desc-{label}_attribution.nii.gz",
    "report": "group_desc-{label}.html",
}

REPORT = "sub-{}.html"  # of a participant
READOUTS = "readouts"  # folder of the readouts that were fitted to the cohort
LOGS = "logs"  # a folder per run
LOCK = f"{LOGS}/.lock"
FAILED = "failed.tsv"  # in the folder of a run
DATASET_OUTPUTS = {
    "description": "dataset_description.json",
    "bidsignore": ".bidsignore",
    "readme": "README.md",
    "descriptions": "descriptions.tsv",
    "segmentation_labels": "desc-anatomy_dseg.tsv",
    "citation": f"{LOGS}/CITATION.md",
    "bibliography": f"{LOGS}/CITATION.bib",
}


def ignored() -> list[str]:
    """Return the patterns of the names that BIDS has no rule for.

    ``figures`` has no slash: the validator does not honour ``figures/``.
    """
    endings = {output.ending.rsplit("_", 1)[1] for output in SCAN_OUTPUTS.values() if not output.is_bids}
    return [
        *sorted({f"*_{ending.split('.')[0]}.*" for ending in endings}),
        "*.html",
        "*.pdf",
        "figures",
        "group_*",
        READOUTS,
    ]


def descriptions(label: str, template: str, model: str) -> dict[str, str]:
    """Return what each ``desc-`` entity of the outputs stands for."""
    values = {"label": label, "template": template, "model": model}
    rows = {}
    for output in SCAN_OUTPUTS.values():
        if output.desc:
            ending = output.ending.format(**values)
            desc = next(part for part in ending.split("_") if part.startswith("desc-"))
            rows[desc] = output.desc.format(**values)
    return rows


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
        try:
            (self.out_dir / DATASET_OUTPUTS["description"]).stat()
        except OSError as error:
            raise os_error(error, self.out_dir) from error

    def forget(self, scan: Named) -> None:
        """Remove the sidecar, which marks the scan as finished, joined outputs, and interrupted writes.

        Only the run that holds the scan's lock may do this.
        """
        try:
            self.path(scan, "sidecar").unlink(missing_ok=True)
            self.remove_joined(scan)
            paths = [self.path(scan, name) for name in SCAN_OUTPUTS]
            remove_leftovers([*paths, *map(image_sidecar, paths)])
        except OSError as error:
            raise os_error(error, self.folder(scan)) from error

    def remove_joined(self, scan: Named, *names: str) -> None:
        """Remove what is made with the reports, all of it or some outputs.

        Raises
        ------
        NeuroFMError
            A file cannot be removed.
        """
        every = [name for name, output in SCAN_OUTPUTS.items() if output.is_joined]
        paths = [self.path(scan, name) for name in names or every]
        try:
            for path in paths:
                path.unlink(missing_ok=True)
                image_sidecar(path).unlink(missing_ok=True)
        except OSError as error:
            raise os_error(error, self.folder(scan)) from error


def image_sidecar(path: Path) -> Path:
    """Return the JSON file beside an image or a table.

    >>> image_sidecar(Path("sub-01_desc-brain_mask.nii.gz")).name
    'sub-01_desc-brain_mask.json'
    """
    return path.with_name(path.name.split(".")[0] + ".json")
