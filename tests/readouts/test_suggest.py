import json

import numpy as np
import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.suggest import suggest_tasks
from neurofm_bids.readouts.task_file import read_tasks
from neurofm_bids.readouts.task_text import task_file_text
from tests.conftest import small_image, write_dataset_files, write_t1w


@pytest.fixture
def dataset(tmp_path):
    rng = np.random.default_rng(0)
    head = ("participant_id", "age", "sex", "group", "IQ", "stage", "code", "same", "comment", "rare", "site")
    lines = ["\t".join(head)]
    for k in range(60):
        cells = (
            f"sub-{k:02d}",
            f"{rng.normal(40, 9):.1f}",
            "FM"[k % 2],
            "patient" if k % 3 == 0 else "control",
            f"{rng.normal(100, 15):.0f}" if k else "n/a",
            str(rng.integers(1, 5)),
            "12"[k % 4 == 0],
            "x",
            f"text {k}",
            "ab"[k < 3],
            "AB"[k < 30],
        )
        lines.append("\t".join(cells))
    root = write_dataset_files(tmp_path / "bids", "\n".join(lines) + "\n")
    about = {
        "IQ": {"LongName": "Intelligence quotient", "Units": "points"},
        "code": {"Description": "Depression", "Levels": {"1": "none", "2": "major"}},
    }
    (root / "participants.json").write_text(json.dumps(about))
    (root / "phenotype").mkdir()
    rows = [f"sub-{k:02d}\t{k % 20 / 2}" for k in range(60)]
    (root / "phenotype" / "bdi.tsv").write_text("participant_id\ttotal\n" + "\n".join(rows) + "\n")
    return root


def test_columns_are_proposed_by_what_they_hold(dataset):
    found = suggest_tasks(dataset)
    tasks = {one.task.target: one.task for one in found.proposals}
    assert found.people == 60
    assert {name: task.kind for name, task in tasks.items()} == {
        "age": "regression",
        "sex": "binary",
        "group": "binary",
        "IQ": "regression",
        "stage": "ordinal",
        "code": "binary",
        "site": "binary",
        "bdi.total": "regression",
    }
    assert (tasks["IQ"].units, tasks["IQ"].description) == ("points", "Intelligence quotient")
    assert (tasks["IQ"].domain, tasks["bdi.total"].name) == ("cognitive", "bdi_total")
    assert tasks["stage"].classes == ("1", "2", "3", "4")
    assert tasks["sex"].covariates == ("age",)
    assert tasks["group"].covariates == ("age", "sex")
    assert (tasks["group"].site, tasks["site"].site) == ("site", None)
    (remarks,) = (one.remarks for one in found.proposals if one.task.name == "group")
    assert "site: the test by permutation compares people of the same site" in remarks
    assert found.left_out == {
        "same": "60 people have a value, and all the same",
        "comment": "60 different texts",
        "rare": "too few people of a class (57 a, 3 b)",
    }


@pytest.mark.parametrize(
    ("target", "remark"),
    [
        ("group", "positive: patient was chosen by its name; the other is control. Check it"),
        ("code", "positive: 2 (major) was chosen by the name of the other; the other is 1. Check it"),
        ("sex", "positive: F was chosen as the first by name; the other is M. Check it"),
    ],
)
def test_the_choice_of_the_positive_class_is_said(dataset, target, remark):
    remarks = {one.task.target: one.remarks for one in suggest_tasks(dataset).proposals}
    assert remark in remarks[target]


def test_numbers_of_few_people_are_a_scale_and_not_classes(tmp_path):
    cells = {
        "few": [str(20 + 3 * k) if k < 6 else "n/a" for k in range(24)],
        "scale": [str((3, 8, 10, 15, 22, 30)[k % 6]) for k in range(24)],
        "item": [str(1 + min(k % 6, k % 5)) for k in range(24)],
        "ranks": [str(1 + k % 4) for k in range(24)],
    }
    lines = ["\t".join((f"sub-{k:02d}", *(cells[name][k] for name in cells))) for k in range(24)]
    text = "\n".join(["\t".join(("participant_id", *cells)), *lines]) + "\n"
    found = suggest_tasks(write_dataset_files(tmp_path / "bids", text))
    assert found.left_out == {"few": "6 people have a value, and 20 are needed"}
    kinds = {one.task.target: one.task.kind for one in found.proposals}
    assert kinds == {"scale": "regression", "item": "regression", "ranks": "ordinal"}


def test_the_text_is_a_file_of_tasks(dataset, tmp_path):
    path = tmp_path / "tasks.toml"
    found = suggest_tasks(dataset)
    path.write_text(task_file_text(found))
    assert read_tasks(path).tasks == tuple(one.task for one in found.proposals)
    assert "# positive: patient was chosen" in path.read_text()
    assert "#   comment: 60 different texts" in path.read_text()


def test_people_are_those_with_images_if_there_are_any(dataset):
    for k in range(40):
        write_t1w(dataset, f"{k:02d}", small_image())
    assert suggest_tasks(dataset).people == 40


def test_a_dataset_that_says_nothing(tmp_path):
    with pytest.raises(NeuroFMError, match="no table says anything"):
        suggest_tasks(write_dataset_files(tmp_path / "bids"))
    with pytest.raises(NeuroFMError, match="dataset not found"):
        suggest_tasks(tmp_path / "none")


def test_the_tables_of_aomic(shared):
    found = suggest_tasks(shared / "data" / "aomic")
    kinds = {one.task.target: one.task.kind for one in found.proposals}
    assert {"sex", "raven_score", "NEO_N", "education_category"} < set(kinds)
    assert kinds["raven_score"] == "regression"
