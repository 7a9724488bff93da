"""Readouts in Python: a file that is loaded, and applied to results or features of scans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.result import Result

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from neurofm_bids.readouts.readout import Readout as ReadoutRecord
    from neurofm_bids.records.score import Score

__all__ = ["Readout"]


@dataclass(frozen=True)
class Readout:
    """A fitted readout: a linear model on the features of scans.

    Parameters
    ----------
    record
        Everything that its file holds: task, coefficients, training cohort, evaluation.

    Examples
    --------
    >>> from neurofm_bids import Readout
    >>> Readout.load("absent.json")
    Traceback (most recent call last):
    neurofm_bids.errors.NeuroFMError: readout not found: absent.json. Check --readouts.
    """

    record: ReadoutRecord

    @classmethod
    def load(cls, path: str | Path) -> Readout:
        """Return the readout of a file.

        Raises
        ------
        neurofm_bids.errors.NeuroFMError
            The file cannot be read, or is damaged, edited or of another format version.
        """
        from neurofm_bids.readouts.file import read_readout

        return cls(read_readout(Path(path)))

    @property
    def name(self) -> str:
        """Name of the task."""
        return self.record.task.name

    def apply(
        self,
        scan: Result | ArrayLike,
        *,
        volumes: Mapping[str, float] | None = None,
        covariates: Mapping[str, Any] | None = None,
    ) -> Score:
        """Return the score of one scan.

        Parameters
        ----------
        scan
            What :meth:`NeuroFM.predict` returned, or the latent features of a scan, shape (n,), made with the
            settings of the training: they cannot be compared then.
        volumes
            In mm3 by region, for latent features of a scan; of a result those of its segmentation count.
        covariates
            By name, in upper or lower case: numbers, or texts as in the training. ``age`` in years and
            ``sex`` as F or M. With the column of the site, if features are harmonised by it.

        Returns
        -------
        Score
            Without a value if a covariate or a feature is not known; ``notes`` and ``reason`` say so.

        Raises
        ------
        neurofm_bids.errors.NeuroFMError
            The features of the result were made otherwise than those of the training, or are not as many.
        """
        from neurofm_bids.bids.sheets import text_of
        from neurofm_bids.readouts.apply import Measured, measured, score
        from neurofm_bids.readouts.columns import as_number
        from neurofm_bids.records.columns import feature_columns

        known = dict(covariates or {})
        given = {name.lower(): value for name, value in known.items()}
        age_years = as_number(text_of(given.get("age")))
        if isinstance(scan, Result):
            made = score(self.record, measured(scan.record, scan.features, known, age_years))
        else:
            latent = np.asarray(scan, dtype=np.float64)
            if latent.ndim != 1:
                raise NeuroFMError(
                    f"the features have the shape {latent.shape}, not (features,)",
                    fix="Give those of one scan.",
                )
            features = dict(zip(feature_columns(len(latent)), latent.tolist(), strict=True))
            made = score(self.record, Measured({**features, **(volumes or {})}, known, None, age_years))
        if "made_otherwise" in made.notes:
            raise NeuroFMError(
                f"the readout {self.name} cannot be used for this scan: {made.reason}",
                fix="Use the model and the settings of its training.",
            )
        return made
