"""A table of the group level: rows, the meaning of its columns, and how the scans were made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neurofm_bids import __version__
from neurofm_bids.records import dictionary
from neurofm_bids.records.cohort import Cohort
from neurofm_bids.records.columns import IDENTITY_COLUMNS, identity_row
from neurofm_bids.records.dictionary import Entry
from neurofm_bids.records.scan import Model
from neurofm_bids.storage.frames import frame_text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Table", "about_table", "model_of", "scans_table"]


@dataclass(frozen=True)
class Table:
    """A table and the meaning of its columns.

    Parameters
    ----------
    frame
        One row per scan, or per statistic.
    columns
        Data dictionary by column.
    about
        What else its sidecar says.
    digits
        Significant digits of numbers.
    """

    frame: pd.DataFrame
    columns: Mapping[str, Entry]
    about: Mapping[str, object]
    digits: int = 10

    def parts(self) -> Iterator[str]:
        """Yield the table as TSV, some rows at a time."""
        return frame_text(self.frame, self.digits)

    def text(self) -> str:
        """Return the table as TSV."""
        return "".join(self.parts())

    def sidecar(self) -> dict[str, object]:
        """Return the content of its JSON file."""
        return {**self.about, **{name: self.columns[name] for name in self.frame.columns}}


def scans_table(
    cohort: Cohort, what: str, frame: pd.DataFrame, columns: Mapping[str, Entry], digits: int = 10
) -> Table:
    """Return a table with the identity of each scan before the columns of a frame."""
    import pandas as pd

    identity = pd.DataFrame([identity_row(member.scan) for member in cohort.members], dtype=object)
    known = {name: dictionary.column(name) for name in IDENTITY_COLUMNS}
    about = about_table(cohort, f"{what}, one row per scan")
    return Table(pd.concat([identity, frame], axis=1), {**columns, **known}, about, digits)


def about_table(cohort: Cohort, description: str) -> dict[str, object]:
    """Return what the sidecar of a table says: what it is, and how the scans were made."""
    model, weights = model_of(cohort), cohort.weights_sha256
    made: dict[str, Any] = {"Version": __version__, "Model": model.name, "License": model.license}
    made |= {"Notice": model.notice, "WeightsSHA256": weights[0] if len(weights) == 1 else list(weights)}
    return {"Description": description, "NeuroFM": made}


def model_of(cohort: Cohort) -> Model:
    """Return the model of the scans of a cohort that has some."""
    assert cohort.made is not None
    return cohort.made.model
