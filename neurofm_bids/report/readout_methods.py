"""Methods text and references of the readouts that a group level fitted, and the files that name them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from neurofm_bids.bids.names import DATASET_OUTPUTS
from neurofm_bids.readouts.readout import Readout
from neurofm_bids.report.methods import READOUT_KEYS, entries
from neurofm_bids.storage.atomic import write_text

__all__ = ["cite_readouts", "copy_citation", "readout_methods", "readout_references", "write_citation"]

_SECTION = "\n# Readouts\n\n"
_SETS = {
    "latent": "the latent features",
    "regional": "the volumes of regions",
    "both": "the latent features and the volumes of regions",
}
_MODELS = {
    "regression": "ridge regression",
    "binary": "logistic regression",
    "multiclass": "multinomial regression",
    "ordinal": "proportional odds regression",
    "time-to-event": "cause-specific Cox regression [@cox]",
}


def readout_methods(readouts: Iterable[Readout]) -> str:
    """Return how readouts were fitted and evaluated, in Markdown; empty for none."""
    made = tuple(readouts)
    if not made:
        return ""
    sets = " or ".join(dict.fromkeys(_SETS[one.feature_set] for one in made))
    models = ", ".join(dict.fromkeys(_MODELS[one.task.kind] for one in made))
    schemes = "; ".join(dict.fromkeys(one.evaluation.scheme for one in made if one.evaluation.scheme))
    names = ", ".join(one.task.name for one in made)
    return (
        f"Linear readouts ({names}) were fitted to {sets} with an L2 penalty: {models}. They were evaluated"
        " on scans that were held out in nested cross-validation [@varma], with all scaling, regression on"
        f" covariates, harmonisation and choice of penalties inside the training folds"
        f"{schemes and f' ({schemes})'}. P-values are of permutations, corrected over tasks [@holm].\n"
    )


def readout_references(text: str) -> str:
    """Return the BibTeX entries that a text of :func:`readout_methods` cites."""
    return entries(key for key in READOUT_KEYS if f"@{key}]" in text)


def write_citation(out_dir: Path, methods: str, bibtex: str) -> None:
    """Write ``logs/CITATION.md`` and ``.bib`` of a run, keeping what they say of fitted readouts.

    Raises
    ------
    OSError, NeuroFMError
        A file cannot be read or written.
    """
    _write(out_dir, methods, bibtex, _read(out_dir).partition(_SECTION)[2])


def copy_citation(source: Path, out_dir: Path) -> None:
    """Write ``logs/CITATION.md`` and ``.bib`` as another output folder has them, but for its readouts.

    Raises
    ------
    OSError, NeuroFMError
        A file cannot be read or written.
    """
    write_citation(out_dir, _read(source).partition(_SECTION)[0], _others(source))


def cite_readouts(out_dir: Path, readouts: Iterable[Readout]) -> None:
    """Name the readouts that were fitted in ``logs/CITATION.md`` and ``.bib``, instead of earlier ones.

    Raises
    ------
    OSError, NeuroFMError
        A file cannot be read or written.
    """
    methods = _read(out_dir).partition(_SECTION)[0]
    _write(out_dir, methods, _others(out_dir), readout_methods(readouts))


def _others(out_dir: Path) -> str:
    """Return the BibTeX entries of a folder that are not of readouts."""
    path = out_dir / DATASET_OUTPUTS["bibliography"]
    bibtex = path.read_text(encoding="utf-8") if path.is_file() else ""
    known = (entry.strip() for entry in bibtex.split("\n\n"))
    others = [entry for entry in known if entry and entry not in entries(READOUT_KEYS)]
    return "\n\n".join(others) + "\n" if others else ""


def _read(out_dir: Path) -> str:
    path = out_dir / DATASET_OUTPUTS["citation"]
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _write(out_dir: Path, methods: str, bibtex: str, section: str) -> None:
    references = readout_references(section)
    write_text(out_dir / DATASET_OUTPUTS["citation"], methods + (_SECTION + section if section else ""))
    write_text(
        out_dir / DATASET_OUTPUTS["bibliography"], "\n".join(part for part in (bibtex, references) if part)
    )
