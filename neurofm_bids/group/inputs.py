"""The output folders that a cohort comes from, and that they do not contradict each other."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.dataset import is_output
from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.bids.link import is_same_folder, linked_source
from neurofm_bids.bids.stored import StoredScan
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.group.source import Source
from neurofm_bids.named_path import NamedPath
from neurofm_bids.storage.text import printable, some_of

__all__ = ["check_distinct", "check_inputs", "sources_of"]

_log = logging.getLogger(__name__)

_OPTION = "--group-inputs"
_CORRECT_LINK = (
    "Correct the path of raw under DatasetLinks in dataset_description.json of the output folder, absolute "
    "or relative to that folder."
)
_IF_OTHER = f"If it is another one: {_CORRECT_LINK[0].lower()}{_CORRECT_LINK[1:]}"


def sources_of(
    out_dir: Path, label: str, bids_dir: Path, inputs: Sequence[NamedPath] = ()
) -> dict[str, Source]:
    """Return the output folders of a cohort by key: first that of the group level, then the inputs.

    The dataset of an input is the one that its ``dataset_description.json`` links. If there is none, it is
    taken to be ``bids_dir``, with a warning.

    Parameters
    ----------
    label
        Of the model.
    bids_dir
        The dataset of ``out_dir``.

    Raises
    ------
    NeuroFMError
        As :func:`check_inputs`, or the dataset of an input with a name is not known.
    """
    check_inputs(out_dir, inputs)
    sources = {"": Source(Derivatives(out_dir, label), Covariates(bids_dir))}
    for item in inputs:
        key = Path(os.path.relpath(item.path, out_dir)).as_posix()
        sources[key] = _source(item, key, list(sources.values()))
    return sources


def _source(item: NamedPath, key: str, others: Sequence[Source]) -> Source:
    """Return the source of an input; it shares the covariates of another one if the dataset is the same."""
    first, out = others[0], Derivatives(item.path, others[0].out.label)
    linked = linked_source(item.path)
    if linked is not None and linked.is_dir():
        same = (one.covariates for one in others if is_same_folder(one.bids_dir, linked))
        return Source(out, next(same, None) or Covariates(linked), key, item.name)
    why = "it links no dataset" if linked is None else f"{linked}, which it links, is not a folder"
    if item.name:
        raise _refused(f"dataset of {item.path} not found: {why}", f"{_OPTION} {item}", _CORRECT_LINK)
    doubt = f"The dataset of {item.path} is not known ({why}), and was taken to be {first.bids_dir}."
    _log.warning("%s %s", doubt, _IF_OTHER)
    return Source(out, first.covariates, key, doubt=doubt)


def check_inputs(out_dir: Path, inputs: Sequence[NamedPath]) -> None:
    """Raise if an input cannot be used.

    Raises
    ------
    NeuroFMError
        An input is not an output folder of this program, is given twice, or is ``out_dir``.
    """
    known = [out_dir]
    for item in inputs:
        folder = item.path
        if not folder.is_dir():
            raise _refused("output folder not found", folder, "Check the path.", Exit.NO_INPUT)
        if not is_output(folder):
            what = "a folder is not an output folder of NeuroFM-BIDS"
            raise _refused(what, folder, "Use out_dir of a participant level.", Exit.NO_INPUT)
        if any(is_same_folder(folder, other) for other in known):
            what = "an output folder is given twice, or is out_dir, which is read anyway"
            raise _refused(what, folder, "Omit it.")
        known.append(folder)


def check_distinct(
    stored: Iterable[StoredScan], sources: Mapping[str, Source], expected: Iterable[StoredScan] = ()
) -> None:
    """Raise if a scan or a participant would count twice, or participants of two datasets have one label.

    Parameters
    ----------
    expected
        Scans that may have no outputs. Another folder of the same dataset may have them.

    Raises
    ------
    NeuroFMError
        That is so.
    """
    if len(sources) < 2:
        return
    stored = list(stored)
    folder_of: dict[str, Source] = {}
    datasets: dict[str, Source] = {}
    clashes: dict[str, tuple[Source, Source]] = {}
    for scan in (*stored, *expected):
        source = folder_of.setdefault(scan.source, sources[scan.source])
        label = source.shown(f"sub-{scan.subject}")
        first = datasets.setdefault(label, source)
        if first.covariates is not source.covariates or first.name != source.name:
            clashes[label] = first, source
    _refuse_names(list(folder_of.values()))
    _refuse_labels(clashes)
    _refuse_scans(_twice(stored, sources))


def _twice(stored: Iterable[StoredScan], sources: Mapping[str, Source]) -> dict[str, tuple[Source, Source]]:
    """Return two of the folders of each scan that is in several."""
    folders: dict[str, Source] = {}
    twice: dict[str, tuple[Source, Source]] = {}
    for scan in stored:
        source = sources[scan.source]
        first = folders.setdefault(source.shown(scan.stem), source)
        if first is not source:
            twice[scan.stem] = first, source
    return twice


def _refuse_names(sources: Sequence[Source]) -> None:
    """Refuse two names of one dataset: a participant with scans in two of its folders would be two."""
    first: dict[int, Source] = {}
    for source in sources:
        other = first.setdefault(id(source.covariates), source)
        if other.name != source.name:
            raise _refused(
                f"output folders of one dataset have different names "
                f"({' and '.join(one.name or 'no name' for one in (other, source))})",
                f"{other.out.out_dir} and {source.out.out_dir}",
                f"{_doubts(other, source)}Give them the same name, or none.",
            )


def _refuse_labels(clashes: Mapping[str, tuple[Source, Source]]) -> None:
    if clashes:
        one, other = next(iter(clashes.values()))
        raise _refused(
            f"{len(clashes)} participants of different datasets have the same label "
            f"({some_of(sorted(clashes), printable)})",
            f"{one.bids_dir} and {other.bids_dir}",
            f"{_doubts(one, other)}Give an output folder a name, as in {_OPTION} siteB={other.out.out_dir}: "
            "sub-01 is then sub-siteB01 in the tables. If both are one dataset, correct DatasetLinks in "
            "dataset_description.json of the output folder.",
        )


def _refuse_scans(twice: Mapping[str, tuple[Source, Source]]) -> None:
    if twice:
        one, other = next(iter(twice.values()))
        raise _refused(
            f"{len(twice)} scans are in two output folders ({some_of(sorted(twice), printable)})",
            f"{one.out.out_dir} and {other.out.out_dir}",
            f"{_doubts(one, other)}Delete the outputs of these scans in one of the folders, so that no scan "
            "counts twice.",
        )


def _doubts(*sources: Source) -> str:
    """Return which of some datasets are not known and what to do, to be read before another remedy."""
    doubts = " ".join(source.doubt for source in sources if source.doubt)
    return f"{doubts} {_IF_OTHER} Otherwise: " if doubts else ""


def _refused(what: str, where: Path | str, fix: str, code: Exit = Exit.USAGE) -> NeuroFMError:
    return NeuroFMError(what, where=where, fix=fix, code=code)
