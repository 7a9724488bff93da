from pathlib import Path

import numpy as np

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.group.readout_fits import Fits
from neurofm_bids.group.readout_table import evaluation_rows
from neurofm_bids.readouts.batch import Data, Outcomes, fit_tasks
from neurofm_bids.readouts.task import Task
from neurofm_bids.records.dictionary import evaluation_columns
from tests.readouts.cohorts import QUICK, samples_of, table_of


def test_each_metric_has_a_row_and_each_refused_task_one(tmp_path):
    samples = samples_of()
    tasks = (
        Task("a", "cognitive", "regression", "y", covariates=("c",)),
        Task("b", "clinical", "binary", "z", positive="1"),
    )
    data = Data(samples.features, table_of(samples), tuple(f"f{k:03d}" for k in range(8)), scheme=QUICK)
    fitted = fit_tasks(data, tasks[:1], Path(tmp_path))
    rows = evaluation_rows(
        Fits(tasks, "latent", Outcomes(fitted.readouts, {"b": NeuroFMError("too few", where="task b")}))
    )
    assert [row["metric"] for row in rows] == ["r", "r2", "mae", "calibration_slope", None]
    assert all(list(row) == list(evaluation_columns()) for row in rows)
    first, *_, last = rows
    assert (first["people"], first["covariates_only_lower95"], last["value"]) == (60, None, None)
    assert np.isfinite([first["covariates_only"], first["with_covariates"]]).all()
    assert last["remarks"] == "refused: too few: task b"
    assert {*evaluation_columns()["metric"]["Levels"]} >= {row["metric"] for row in rows[:-1]}
