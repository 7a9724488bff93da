"""The group tables and the meaning of their columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from neurofm_bids.bids.covariates import Known
from neurofm_bids.group.covariate_table import covariate_table, unexplained
from neurofm_bids.group.standing import GROUP_CHECK, group_checks
from neurofm_bids.group.table import Table, about_table, model_of, scans_table
from neurofm_bids.model.registry import segmentation_spec
from neurofm_bids.norms.reference import PUBLISHED, Reference
from neurofm_bids.records import dictionary
from neurofm_bids.records.cohort import Cohort
from neurofm_bids.records.columns import (
    FLAG_COLUMNS,
    IDENTITY_COLUMNS,
    RECORDED_COLUMNS,
    Row,
    centile_entries,
    feature_columns,
)
from neurofm_bids.records.dictionary import Entry
from neurofm_bids.records.packed import columns as as_frame
from neurofm_bids.records.packed_centiles import PackedCentiles, Volumes, pack_centiles
from neurofm_bids.records.score_columns import score_entries, score_row
from neurofm_bids.records.statistics import Components, Statistics
from neurofm_bids.resources import without_garbage_collection

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["analysis_table", "evaluation_table", "make_tables"]

_OF_PERSON = (RECORDED_COLUMNS[0], RECORDED_COLUMNS[-1])  # age and sex


def evaluation_table(cohort: Cohort, rows: Sequence[Row]) -> Table:
    """Return the table of how well tasks can be read, from its rows."""
    import pandas as pd

    columns = dictionary.evaluation_columns()
    frame = pd.DataFrame(rows, columns=list(columns), dtype=object)
    what = "How well the tasks of --readouts are read from held-out scans, one row per task and metric"
    return Table(frame, columns, about_table(cohort, what))


def analysis_table(cohort: Cohort, name: str, frame: pd.DataFrame) -> Table:
    """Return a table of an analysis, with the meaning of its columns.

    Parameters
    ----------
    name
        In ``bids.names.GROUP_OUTPUTS``.
    """
    what, columns = dictionary.analysis_table(name)
    known = {column: dictionary.column(column) for column in IDENTITY_COLUMNS}
    described = {**_feature_entries(cohort), **known, **cohort.columns, **columns}
    return Table(
        frame, {c: described.get(c) or unexplained(c) for c in frame.columns}, about_table(cohort, what)
    )


@without_garbage_collection()
def make_tables(
    cohort: Cohort, covariates: Known, statistics: Statistics, reference: Reference = PUBLISHED
) -> dict[str, Table]:
    """Return the tables of a cohort by their name in ``bids.names.GROUP_OUTPUTS``.

    Those of scans have one row per scan, in the same order, but for the phenotype table: BIDS allows one row
    per participant there, so it holds each participant's first scan that takes part in statistics, or the
    first of all, and says how many there are.
    """
    columns = cohort.columns
    predictions = _with_flags(cohort, cohort.frames["predictions"])
    quality = _with_flags(cohort, cohort.frames["quality"])
    quality[GROUP_CHECK] = group_checks(cohort)
    columns = {**columns, GROUP_CHECK: dictionary.column(GROUP_CHECK)}
    tables = {
        "features": _features(cohort),
        "predictions": scans_table(cohort, "Predictions", predictions, columns),
        "quality": scans_table(cohort, "Image quality metrics and flags", quality, columns),
        "covariates": covariate_table(cohort, covariates),
        "statistics": _statistics(cohort, statistics),
    }
    if not cohort.frames["morphometry"].empty:
        morphometry = _with_flags(cohort, cohort.frames["morphometry"])
        tables["morphometry"] = scans_table(cohort, "Volumes of regions of the brain", morphometry, columns)
    placed = [pack_centiles(member.centiles) for member in cohort.members]
    if any("not_allowed" not in notes for one in _distinct_of(placed) for _, _, notes in one.volumes):
        tables["centiles"] = _centiles(cohort, reference, placed)
    if any(member.scores for member in cohort.members):
        tables["readouts"] = _readouts(cohort)
    if statistics.components is not None:
        tables["components"] = _components(cohort, statistics.components)
    return {**tables, "phenotype": _phenotype(cohort, tables)}


def _with_flags(cohort: Cohort, frame: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    return pd.concat([frame, cohort.frames["flag_cells"].reindex(columns=[*FLAG_COLUMNS])], axis=1)


def _distinct_of(placed: Iterable[PackedCentiles]) -> Iterable[PackedCentiles]:
    """Return the first of those with equal names, sources and notes."""
    first: dict[Volumes, PackedCentiles] = {}
    for one in placed:
        first.setdefault(one.volumes, one)
    return first.values()


def _centiles(cohort: Cohort, reference: Reference, placed: Sequence[PackedCentiles]) -> Table:
    """Return the centiles of volumes, with recorded age and sex, and the notes that volumes share."""
    import pandas as pd

    known = cohort.frames["predictions"].reindex(columns=[*_OF_PERSON])
    frame = pd.concat([known, as_frame([one.row() for one in placed])], axis=1)
    columns = {name: dictionary.column(name) for name in _OF_PERSON}
    columns |= centile_entries(item for one in _distinct_of(placed) for item in one)
    columns = {**cohort.columns, **columns}
    table = scans_table(cohort, "Centiles of volumes", _with_flags(cohort, frame), columns)
    about = {"Reference": dict(reference.about), "Segmentation": _cards(cohort)}
    return replace(table, about={**table.about, **about})


def _readouts(cohort: Cohort) -> Table:
    """Return the scores of readouts, and by which readouts they are."""
    scores = [score for member in cohort.members for score in member.scores]
    frame = _with_flags(cohort, as_frame([score_row(member.scores) for member in cohort.members]))
    table = scans_table(cohort, "Scores of readouts", frame, {**cohort.columns, **score_entries(scores)})
    named = {
        one.name: {"Name": one.name, "Domain": one.domain, "SHA256": one.digest, "Training": one.training}
        for one in scores
    }
    return replace(table, about={**table.about, "Readouts": list(named.values())})


def _cards(cohort: Cohort) -> Any:
    """Return the card of the segmentation as the files of scans have it; a list where scans differ."""
    weights = sorted({sha256 for origin in cohort.origins if (sha256 := origin.anatomy_weights_sha256)})
    cards = [card.about if (card := segmentation_spec(sha256)) else None for sha256 in weights]
    return cards if len(cards) > 1 else next(iter(cards), None)


def _features(cohort: Cohort) -> Table:
    import pandas as pd

    columns = _feature_entries(cohort)
    frame = pd.DataFrame(cohort.features, columns=list(columns))
    return scans_table(cohort, "Features", frame, columns, digits=9)  # nine tell any two float32 apart


def _feature_entries(cohort: Cohort) -> dict[str, Entry]:
    names = feature_columns(cohort.features.shape[1])
    return {name: dictionary.feature(number) for number, name in enumerate(names)}


def _components(cohort: Cohort, components: Components) -> Table:
    import pandas as pd

    entry = dictionary.column("component")
    columns = {f"component_{i}": {**entry, "LongName": f"{entry['LongName']} {i}"} for i in (1, 2)}
    frame = pd.DataFrame(components.scores, columns=list(columns))
    return scans_table(cohort, "Principal components of the features", frame, columns)


def _statistics(cohort: Cohort, statistics: Statistics) -> Table:
    import pandas as pd

    columns = {name: dictionary.column(name) for name in ("measure", "statistic", "value", "units", "n")}
    frame = pd.DataFrame(statistics.rows(), columns=list(columns), dtype=object)
    return Table(frame, columns, about_table(cohort, "Statistics over the scans of the cohort"))


def _phenotype(cohort: Cohort, tables: Mapping[str, Table]) -> Table:
    import pandas as pd

    predictions = tables["predictions"]
    scans = predictions.frame["participant_id"]
    counts = scans.value_counts()
    frame, columns = predictions.frame, dict(predictions.columns)
    for table in (tables[name] for name in ("morphometry", "readouts") if name in tables):
        others = table.frame.columns.difference(frame.columns, sort=False)
        frame = pd.concat([frame, table.frame[others]], axis=1)
        columns |= {name: table.columns[name] for name in others}
    frame = frame.loc[_first_of_each(scans.to_list(), cohort)].reset_index(drop=True)
    frame.insert(len(IDENTITY_COLUMNS), "n_scans", frame["participant_id"].map(counts).astype("int64"))
    columns = {**cohort.columns, **columns, "n_scans": dictionary.column("n_scans")}
    about = about_table(
        cohort,
        "Predictions, volumes and scores of NeuroFM, one row per participant: the first scan by session and "
        "name that statistics do not leave out, or the first of all",
    )
    tool = {"Description": f"NeuroFM-BIDS, model {model_of(cohort).name}"}
    return Table(frame, columns, {**about, "MeasurementToolMetadata": tool, "Derivative": True})


def _first_of_each(participants: Sequence[str], cohort: Cohort) -> list[int]:
    """Return the place of the scan that stands for each participant, in order of the scans."""
    first: dict[str, int] = {}
    for place, (participant, member) in enumerate(zip(participants, cohort.members, strict=True)):
        known = first.setdefault(participant, place)
        if member.is_included and not cohort.members[known].is_included:
            first[participant] = place
    return list(first.values())
