"""The methods text and the references of what was actually run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from neurofm_bids.config import N_PHASES
from neurofm_bids.derivative_options import DERIVATIVES
from neurofm_bids.model.registry import model_spec
from neurofm_bids.records.scan import ScanRecord

__all__ = [
    "READOUT_KEYS",
    "bibliography",
    "entries",
    "methods_of",
    "methods_text",
    "plain_citations",
    "references_of",
]

READOUT_KEYS = ("varma", "holm", "cox")  # of what the group level fits

_TEMPLATES = {
    "MNI152NLin2009cAsym": "mni2009c",
    "MNI152NLin2009cSym": "mni2009c",
    "MNIPediatricAsym": "mni2009c",
    "MNI152NLin6Asym": "mni6",
}
_KEY = re.compile(r"@\w+\{(\w+),")
_AUTHOR = re.compile(r"author = \{(\w+)")
_ATTRIBUTION = (
    "What each place of the brain contributes to predictions was mapped by integrated gradients"
    " [@sundararajan], from a baseline that is smoothed within the outline of the brain to the scan."
)
_HEADS = {
    "auto": "the measured head size (all head sizes where the image was skull-stripped before, so that its"
    " cranial cavity was not seen)",
    DERIVATIVES: "all head sizes (the masks of other programs differ in the fluid around the brain that they"
    " keep)",
    "skip": "all head sizes (images were skull-stripped before, so that cranial cavities were not seen)",
}
_YEAR = re.compile(r"year = \{(\d+)\}")
_FIELD = re.compile(r"(\w+) = \{((?:[^{}]|\{[^{}]*\})*)\}")


def methods_text(
    parameters: Mapping[str, Any],
    *,
    model: str,
    notice: str,
    versions: Mapping[str, str],
    is_attributed: bool = False,
) -> str:
    """Return the methods section, in Markdown, of a run with these parameters.

    Parameters
    ----------
    parameters
        :attr:`neurofm_bids.config.Processing.parameters`.
    model, notice
        Name of the model, and its notice.
    versions
        Versions by package name.
    is_attributed
        Whether predictions were attributed to the places of the brain.
    """
    parts = [
        f"T1-weighted images were processed with NeuroFM-BIDS {versions['neurofm-bids']} [@bids; @nipype].",
        _stripping(parameters["skull_strip"], versions),
        _bias(parameters["bias_correction"]),
        f"Each brain was registered to {parameters['template']} [@{_template(parameters)}] with the affine"
        " transform of the highest correlation ratio [@roche].",
        _grid(parameters["encode_space"]),
        f"The NeuroFM model {model} [@neurofm] (PyTorch {versions['torch']}) computed features and"
        f" predictions from {_views(parameters['views'])}, in {parameters['precision']}.",
        _segmentation(parameters),
        _centiles(parameters, model),
        _ATTRIBUTION if is_attributed else "",
        notice,
    ]
    return "# Methods\n\n" + "\n".join(part for part in parts if part) + "\n"


def _stripping(mode: str, versions: Mapping[str, str]) -> str:
    if mode == "skip":
        return "Images were treated as already skull-stripped."
    if mode == DERIVATIVES:
        return "Brain masks were taken from derivatives of another program, which the records of scans name."
    skipped = ", except in images that were recognised as already skull-stripped" if mode == "auto" else ""
    return f"Brains were extracted with deepbet {versions['deepbet']} [@deepbet]{skipped}."


def _bias(method: str) -> str:
    if method == "none":
        return "No bias correction was applied."
    if method == DERIVATIVES:
        return "Images that another program had corrected for intensity bias were used."
    return "Intensity bias was corrected in the brain mask with N4 [@n4]."


def _grid(space: str) -> str:
    if space == "native":
        return "The brain was brought to the model grid (256^3 voxels of 1 mm, LIA) in its own orientation."
    return (
        "The brain was resampled once (cubic) to the model grid (256^3 voxels of 1 mm, LIA) with the"
        " rotation and translation of that affine alone, which leave volumes unchanged."
    )


def _segmentation(parameters: Mapping[str, Any]) -> str:
    if not _is_segmented(parameters):
        return ""
    count = parameters["anatomy_phases"]
    lattices = "one lattice" if count == 1 else f"{count} lattices"
    return (
        "Regions of the brain were segmented on the model grid with a residual U-Net that was trained on"
        f" synthetic brains only [@synthseg], in {lattices} of 2 mm; volumes are"
        " sums of its posteriors."
    )


def _is_segmented(parameters: Mapping[str, Any]) -> bool:
    return not parameters.get("no_anatomy", True)  # records of earlier pipeline versions have none


def _centiles(parameters: Mapping[str, Any], model: str) -> str:
    if not _has_centiles(parameters, model):
        return ""
    volumes, size = "volumes", _HEADS.get(parameters["skull_strip"], "the measured head size")
    if not _is_segmented(parameters):
        volumes, size = "predicted volumes", "all head sizes"
    return (
        f"Where age and sex are known, {volumes} are compared with the norms of NOMIS [@nomis] at {size},"
        " unless another reference was given."
    )


def _has_centiles(parameters: Mapping[str, Any], model: str) -> bool:
    """Tell whether a run measures volumes, or predicts some whose centiles the card of the model allows."""
    spec = model_spec(model)
    return _is_segmented(parameters) or bool(spec.centiles and any(head.measured for head in spec.heads))


def _views(count: int) -> str:
    if count == 1:
        return "a single pass of each scan"
    views = f"the mean of {count} passes of each scan (phases of the 2 mm lattice that the network reads"
    jitter = ", and rotations and shifts of up to 2 degrees and 1 mm" if count > N_PHASES else ""
    return f"{views}{jitter})"


def _template(parameters: Mapping[str, Any]) -> str:
    """Return the reference of a template; that of TemplateFlow where it is not known."""
    return _TEMPLATES.get(parameters["template"], "templateflow")


@cache
def _references() -> dict[str, str]:
    """Return the BibTeX entries by key."""
    text = files("neurofm_bids").joinpath("data/references.bib").read_text(encoding="utf-8")
    return {_KEY.findall(entry)[0]: entry for entry in text.strip().split("\n\n")}


def entries(keys: Iterable[str]) -> str:
    """Return the BibTeX entries of some keys; empty for none."""
    found = [_references()[key] for key in keys]
    return "\n\n".join(found) + "\n" if found else ""


def bibliography(parameters: Mapping[str, Any], *, model: str, is_attributed: bool = False) -> str:
    """Return the BibTeX entries that :func:`methods_text` cites with the same arguments."""
    unused = {"templateflow", *_TEMPLATES.values(), *READOUT_KEYS} - {_template(parameters)}
    if parameters["skull_strip"] in {"skip", DERIVATIVES}:
        unused.add("deepbet")
    if parameters["bias_correction"] in {"none", DERIVATIVES}:
        unused.add("n4")
    if not _is_segmented(parameters):
        unused.add("synthseg")
    if not _has_centiles(parameters, model):
        unused.add("nomis")
    if not is_attributed:
        unused.add("sundararajan")
    return entries(key for key in _references() if key not in unused)


def methods_of(records: Sequence[ScanRecord]) -> tuple[str, str]:
    """Return methods and references of the settings and versions that made some scans, each once."""
    attributed = any(record.attributions for record in records)
    texts: dict[str, None] = {}
    references: dict[str, None] = {}
    for how in (record.provenance for record in records):
        model, versions = how.model, how.software
        text = methods_text(
            how.parameters,
            model=model.name,
            notice=model.notice,
            versions=versions,
            is_attributed=attributed,
        )
        texts[text] = None
        references[bibliography(how.parameters, model=model.name, is_attributed=attributed)] = None
    return "\n".join(texts), "\n".join(references)


def plain_citations(text: str) -> str:
    """Return a text with the keys of its references replaced by author and year.

    >>> plain_citations("with N4 [@n4; @roche].")
    'with N4 (Tustison 2010; Roche 1998).'
    """
    return re.sub(r"\[(@[^\]]+)\]", lambda keys: f"({_named(keys[1])})", text)


def _named(keys: str) -> str:
    return "; ".join(_author_and_year(key.strip()) for key in keys.split(";"))


def _author_and_year(key: str) -> str:
    entry = _references().get(key.removeprefix("@"))
    return f"{_AUTHOR.findall(entry)[0]} {_YEAR.findall(entry)[0]}" if entry else key


def references_of(bibtex: str) -> list[str]:
    """Return the entries of a bibliography as people read them, each once.

    >>> references_of("@book{x, author = {Roche, A. and others}, title = {{T}1}, year = {98}, journal = {J}}")
    ['Roche, A. et al. (98). T1. J.']
    """
    entries = (dict(_FIELD.findall(entry)) for entry in bibtex.split("\n\n"))
    return list(dict.fromkeys(_reference(entry) for entry in entries if "title" in entry))


def _reference(entry: Mapping[str, str]) -> str:
    fields = {name: " ".join(re.sub("[{}]", "", value).split()) for name, value in entry.items()}
    authors = fields["author"].replace(" and others", " et al.").split(" and ")
    names = authors[0] + (" et al." if len(authors) > 1 else "")
    place = ", ".join(fields[name] for name in ("journal", "booktitle", "volume", "pages") if name in fields)
    doi = f" doi:{fields['doi']}" if "doi" in fields else ""
    return f"{names} ({fields['year']}). {fields['title']}. {place.replace('--', '-')}.{doi}"
