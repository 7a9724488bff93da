"""BIDS out: every output declared once.

From the tables here come the paths (:mod:`neurofm_bids.bids.derivatives`), what makes a scan count as
finished, what is cleared when it is processed again, ``.bidsignore`` and ``descriptions.tsv``.
"""

from __future__ import annotations

from neurofm_bids.bids.output import ANATOMY, ATTRIBUTION, IMAGES, Output

__all__ = [
    "DATASET_OUTPUTS",
    "FAILED",
    "GROUP_OUTPUTS",
    "INTERIM",
    "LOCK",
    "LOGS",
    "READOUTS",
    "REPORT",
    "SCAN_OUTPUTS",
    "TASKS",
    "descriptions",
    "ignored",
]

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
INTERIM = "interim"  # a folder per scan that is preprocessed and not encoded yet
LOCK = f"{LOGS}/.lock"
FAILED = "failed.tsv"  # in the folder of a run
TASKS = "tasks"  # in the folder of a run: a folder per task of its array
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
        INTERIM,
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
