"""Names of readouts and of their metrics as people read them."""

from __future__ import annotations

import re

__all__ = ["is_of_quarter", "metric_name", "readout_title"]

_QUARTER = re.compile(r"_q\d$")
_AT = re.compile(r"(.+)_([0-9.]+y)")  # so many years from the scan

_NAMES = {
    "auc": "AUC",
    "balanced_accuracy": "balanced accuracy",
    "brier": "Brier score",
    "c_index": "C-index",
    "c_index_ipcw": "C-index (Uno)",
    "calibration_slope": "calibration slope",
    "integrated_brier": "integrated Brier score",
    "r": "r",
    "r2": "R²",
    "mae": "MAE",
    "spearman": "Spearman",
    "mean_absolute_rank_error": "mean rank error",
    "balanced_rank_error": "balanced rank error",
}


def metric_name(name: str) -> str:
    """Return the name of a metric.

    >>> metric_name("auc"), metric_name("auc_5y"), metric_name("observed_risk_5y")
    ('AUC', 'AUC 5y', 'observed risk 5y')
    """
    if at := _AT.fullmatch(name):
        return f"{metric_name(at[1])} {at[2]}"
    return _NAMES.get(name, name.replace("_", " "))


def is_of_quarter(name: str) -> bool:
    """Tell whether a metric is that of a quarter of people by predicted risk, for tables only.

    >>> is_of_quarter("observed_risk_5y_q1"), is_of_quarter("observed_risk_5y")
    (True, False)
    """
    return bool(_QUARTER.search(name))


def readout_title(name: str) -> str:
    """Return the name of a readout.

    >>> readout_title("hand_grip")
    'Hand grip'
    """
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]
