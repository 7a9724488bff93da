"""A fitted readout as an estimator of scikit-learn."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from neurofm_bids.readout import Readout

if TYPE_CHECKING:
    import pandas as pd

    from neurofm_bids.readouts.readout import Readout as ReadoutRecord

__all__ = ["ReadoutEstimator"]

_Array = NDArray[np.float64]


class ReadoutEstimator(BaseEstimator):  # type: ignore[misc]
    """Predict with a fitted readout; nothing is fitted.

    Rows are scans. Columns of an array are the features of the readout in its order, then its coded
    covariates; a table may have its columns in any order, with covariates as in the dataset. A readout
    that is harmonised by site needs a table, with the column of the site.

    Parameters
    ----------
    readout
        File of a readout, or one that was loaded.
    """

    def __init__(self, readout: str | Path | Readout) -> None:
        self.readout = readout

    def fit(self, X: Any, y: object = None) -> ReadoutEstimator:  # noqa: N803
        """Return self: the readout is fitted."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if self._record().classes:
            from sklearn.utils import ClassifierTags

            tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags()
        else:
            from sklearn.utils import RegressorTags

            tags.estimator_type, tags.regressor_tags = "regressor", RegressorTags()
        return tags

    @property
    def classes_(self) -> NDArray[np.object_]:
        """Classes in the order of the columns of :meth:`predict_proba`."""
        if not (classes := self._record().classes):
            raise AttributeError("classes_")
        return np.array(classes, dtype=object)

    def decision_function(self, X: Any) -> _Array:  # noqa: N803
        """Return the values of the linear functions, shape (n,) of one and (n, k) of several."""
        values = self._values(X)
        return values[:, 0] if values.shape[1] == 1 else values

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """Return values in units, the most probable classes, or log hazard ratios of the event, shape (n,).

        Where a covariate or the site is not known, a value is NaN and a class None.

        Raises
        ------
        neurofm_bids.errors.NeuroFMError
            The file of the readout cannot be used.
        ValueError
            A column is absent, or the number of columns is not that of the readout.
        """
        if self._record().classes:
            probabilities = self.predict_proba(X)
            found = self.classes_[np.argmax(probabilities, axis=1)]
            found[np.isnan(probabilities).any(axis=1)] = None
            return np.asarray(found)
        return self._values(X)[:, 0]

    def predict_proba(self, X: Any) -> _Array:  # noqa: N803
        """Return the probability of each class, shape (n, classes); NaN where covariates or site are unknown.

        Raises
        ------
        ValueError
            As :meth:`predict`, or the readout has no classes.
        """
        from neurofm_bids.readouts.linear import class_probabilities

        return class_probabilities(self._record(), self._values(X))

    def _record(self) -> ReadoutRecord:
        given = self.readout
        return (given if isinstance(given, Readout) else Readout.load(given)).record

    def _values(self, rows: Any) -> _Array:
        from neurofm_bids.readouts.consistency import coded_columns
        from neurofm_bids.readouts.linear import function_values

        record = self._record()
        if hasattr(rows, "columns"):
            features, covariates = _of_table(record, rows)
            return function_values(record.functions, features, covariates)
        if record.harmonisation is not None:
            raise ValueError(
                f"the readout {record.task.name} needs a table with the column {record.task.site}"
            )
        values = np.asarray(rows, dtype=np.float64)
        n_features, n_covariates = len(record.features), coded_columns(record.covariates)
        if values.ndim != 2 or values.shape[1] != n_features + n_covariates:
            raise ValueError(
                f"the readout {record.task.name} has {n_features} features and {n_covariates} coded "
                f"covariates; the array has the shape {values.shape}"
            )
        return function_values(record.functions, values[:, :n_features], values[:, n_features:])


def _of_table(record: ReadoutRecord, table: pd.DataFrame) -> tuple[_Array, _Array]:
    """Return features and coded covariates of a table, NaN where covariates or the site are not known."""
    from neurofm_bids.readouts.consistency import coded_columns
    from neurofm_bids.readouts.covariate_coding import coded_row

    names = [one.name for one in record.covariates]
    sites = [str(record.task.site)] if record.harmonisation else []
    if absent := [name for name in (*record.features, *names, *sites) if name not in table]:
        raise ValueError(f"the table has no column {' or '.join(absent)}")
    width = coded_columns(record.covariates)
    coded = [coded_row(record.covariates, row) for row in table[names].to_dict("records")]
    rows = [[np.nan] * width if isinstance(row, str) else row for row in coded]
    covariates = np.array(rows, dtype=np.float64).reshape(len(table), width)
    features = table[list(record.features)].to_numpy(dtype=np.float64)
    for name in sites:
        features = _harmonised(record, table[name], features, covariates)
    return features, covariates


def _harmonised(
    record: ReadoutRecord, sites: Iterable[object], features: _Array, covariates: _Array
) -> _Array:
    """Return features at the common site of a readout; NaN where a site is not one of its training."""
    from neurofm_bids.bids.sheets import text_of
    from neurofm_bids.readouts.harmonisation import harmonised

    assert record.harmonisation is not None
    unknown = np.full(features.shape[1], np.nan)
    rows = [
        harmonised(record.harmonisation, text_of(site), own, coded)
        for site, own, coded in zip(sites, features, covariates, strict=True)
    ]
    return np.array([unknown if row is None else row for row in rows]).reshape(features.shape)
