"""Making and using references at the group level."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.analysis_options import Analyses
from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.cli.main import main
from neurofm_bids.config import Centiles
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.group.cohort import collect
from neurofm_bids.group.references import (
    check_reference,
    reference_of,
    reference_of_cohort,
    with_placed_scores,
)
from neurofm_bids.group.run import write_group
from neurofm_bids.named_path import NamedPath
from neurofm_bids.norms.reference import PUBLISHED
from neurofm_bids.norms.user_reference import make_reference, read_reference, write_reference
from neurofm_bids.records.score import Score
from tests.norms.people import record_of, typical
from tests.samples import one_folder, write_scan
from tests.tables import read_rows

PEOPLE = 26


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """People of the norms, all but the last two controls; the first has a second scan."""
    root = tmp_path_factory.mktemp("cohort")
    lines = ["participant_id\tage\tsex\tgroup"]
    for number, (age, sex, _, volumes) in enumerate(typical(5, PEOPLE), start=1):
        subject = f"{number:02d}"
        record = record_of(volumes)
        changes = {
            name: getattr(record, name) for name in ("anatomy", "provenance", "measurements", "predictions")
        }
        stems = [f"sub-{subject}_ses-{s}" for s in "ab"] if number == 1 else [f"sub-{subject}"]
        for stem in stems:
            write_scan(root / "out", stem, seed=number, **changes)
        (root / "bids" / f"sub-{subject}").mkdir(parents=True)
        group = "patient" if number > PEOPLE - 2 else "control"
        lines.append(f"sub-{subject}\t{age:.2f}\t{sex}\t{group}")
    (root / "bids" / "participants.tsv").write_text("\n".join(lines) + "\n")
    return root


def collected(root, reference=PUBLISHED):
    covariates = Covariates(root / "bids")
    return collect(one_folder(root / "out", covariates), reference=reference), covariates


def grouped(root, **options):
    return write_group(root / "out", "openS", bids_dir=root / "bids", centiles=Centiles(**options))


def test_published_centiles_are_in_the_table_of_the_group(cohort):
    grouped(cohort)
    path = cohort / "out" / "group_desc-openS_centiles.tsv"
    rows, about = read_rows(path), json.loads(path.with_suffix(".json").read_text())
    assert len(rows) == PEOPLE + 1
    assert set(rows[0]) <= set(about)
    assert about["Reference"]["Name"] == "NOMIS"
    assert about["left_hippocampus_centile"]["LongName"] == "Left hippocampus, measured, centile"
    assert "hippocampus" in about["Segmentation"]["Unreliable"]
    assert "putamen" in about["Segmentation"]["Shifted"]
    marked = {name for name in rows[0] if "Not to be read as a centile" in about[name]["Description"]}
    assert {"left_hippocampus_z", "right_putamen_centile_lower95"} < marked
    assert not {"brain_z", "predicted_brain_volume_z", "left_thalamus_centile"} & marked
    scores = np.array([float(row["brain_z"]) for row in rows])
    assert abs(scores.mean()) < 0.6
    assert 0.6 < scores.std() < 1.4
    assert float(rows[3]["chronological_age_years"]) > 18
    assert rows[3]["recorded_sex"] in {"F", "M"}
    assert rows[3]["centile_notes"] == "preview"
    assert {row["predicted_brain_volume_centile_lower95"] for row in rows} == {"n/a"}


def test_a_reference_is_made_of_one_scan_of_each_named_participant(cohort, tmp_path):
    grouped(cohort, make_reference=tmp_path / "r.json", reference_participants=("group=control",))
    reference = read_reference(tmp_path / "r.json")
    assert sum(reference.people.values()) == PEOPLE - 2
    assert reference.covers("csf", "csf")
    assert reference.covers("predicted_brain_volume", "brain")
    grouped(cohort, reference=tmp_path / "r.json")
    path = cohort / "out" / "group_desc-openS_centiles.tsv"
    about = json.loads(path.with_suffix(".json").read_text())
    assert about["Reference"]["SHA256"] == reference.digest
    controls = [float(row["brain_z"]) for row in read_rows(path)[:-2]]
    assert abs(np.mean(controls)) < 0.25  # those that it was made of


def test_labels_and_conditions_add_participants(cohort):
    people, covariates = collected(cohort)
    labels = [f"{number:02d}" for number in range(1, 22)]
    found = reference_of_cohort(people, covariates, [*labels, "group=patient"])
    assert sum(found.people.values()) == 23


@pytest.mark.parametrize(
    ("named", "message", "code"),
    [
        (["99"], "have no scan in the tables: 99", Exit.NOTHING_SELECTED),
        (["group=healthy"], "no participant has group=healthy.*its values are control, patient", 18),
        (["diagnosis=x"], "no participant has diagnosis=x.*columns are .*group", 18),
        (["01", "02"], "at least 20 participants.*there are ", Exit.DATA),
        (["group=patient"], "at least 20 participants", Exit.DATA),
    ],
)
def test_participants_that_cannot_make_a_reference(cohort, named, message, code):
    with pytest.raises(NeuroFMError, match=message) as error:
        reference_of_cohort(*collected(cohort), named)
    assert error.value.code == code


def test_scans_of_different_weights_make_none(cohort):
    people, covariates = collected(cohort)
    (origin,) = people.origins
    for change, message in (
        ({"weights_sha256": "0" * 64}, "some were made with other weights of the model"),
        ({"parameters": {"views": 1}}, "some were made with --views 8, not 1"),
    ):
        mixed = replace(people, origins=(origin, replace(origin, **change)))
        with pytest.raises(NeuroFMError, match=f"made differently: {message}"):
            reference_of_cohort(mixed, covariates, ["group=control"])
    without = replace(origin, anatomy_weights_sha256=None)
    made = reference_of_cohort(replace(people, origins=(without, origin)), covariates, ["group=control"])
    assert made.origin == origin


def test_a_reference_of_other_weights_is_refused_by_name(cohort, tmp_path):
    people, _ = collected(cohort)
    path = tmp_path / "r.json"
    grouped(cohort, make_reference=path, reference_participants=("group=control",))
    other = make_reference(
        [member.observation for member in people.members],
        version="1",
        origin=replace(people.origins[0], weights_sha256="0" * 64),
    )
    write_reference(path, other)
    options = Centiles(reference=path)
    found, _ = collected(cohort, reference_of(options))
    with pytest.raises(
        NeuroFMError, match=f"{PEOPLE + 1} of {PEOPLE + 1} scans .*other weights of the model"
    ) as error:
        check_reference(found, other, path)
    assert error.value.code is Exit.DATA
    assert str(path) in str(error.value)
    check_reference(replace(found, members=()), other, path)
    command = [str(cohort / "bids"), str(cohort / "out"), "group", "--reference", str(path)]
    assert main(command) == Exit.DATA
    assert main([*command, "--dry-run"]) == Exit.DATA


def test_the_command_makes_and_uses_a_reference(cohort, tmp_path, capsys):
    path, labels = tmp_path / "r.json", tmp_path / "controls.tsv"
    labels.write_text("participant_id\n" + "".join(f"sub-{n:02d}\n" for n in range(1, 25)))
    command = [str(cohort / "bids"), str(cohort / "out"), "group"]
    make = ["--make-reference", str(path), "--reference-participants", str(labels)]
    assert main([*command, *make, "--dry-run"]) == 0
    assert not path.exists()
    assert main([*command, *make]) == 0
    assert sum(read_reference(path).people.values()) == 24
    assert main([*command, "--reference", str(path)]) == 0
    path.write_text("{")
    assert main([*command, "--reference", str(path)]) == Exit.DATA
    assert "the reference is damaged" in capsys.readouterr().err


RAVEN = Score("raven", "cognitive", "regression", "", "value", "points", 20.0, digest="d1")


def scored(root):
    """Return the cohort with scores that fall with the number of the participant."""
    found, covariates = collected(root)
    members = [
        replace(member, scores=(replace(RAVEN, value=30.0 - number),))
        for number, member in enumerate(found.members)
    ]
    return replace(found, members=tuple(members)), covariates


def test_scores_are_part_of_a_reference_and_are_placed_among_it(cohort):
    found, covariates = scored(cohort)
    made = reference_of_cohort(found, covariates, ["group=control"])
    assert set(made.scores) == {"raven"}
    placed = with_placed_scores(found, made)
    centiles = [member.scores[0].reference_centile for member in placed.members]
    known = [centile for centile in centiles if centile is not None]
    assert len(known) >= PEOPLE - 3
    assert known[0] > known[-1]
    values = [member.scores[0].value for member in placed.members]
    assert values == [member.scores[0].value for member in found.members]
    again = with_placed_scores(placed, PUBLISHED)
    assert {member.scores[0].reference_centile for member in again.members} == {None}


def test_scores_of_an_age_that_is_only_a_lower_bound_are_not_placed(cohort):
    found, covariates = scored(cohort)
    made = reference_of_cohort(found, covariates, ["group=control"])
    first = found.members[0]
    bound = replace(first, predictions={**first.predictions, "chronological_age_remarks": "lower_bound"})
    placed = with_placed_scores(replace(found, members=(bound, *found.members[1:])), made)
    assert placed.members[0].scores[0].reference_centile is None


def test_a_reference_of_shards_is_that_of_one_folder(cohort, tmp_path):
    about = {"GeneratedBy": [{"Name": "NeuroFM-BIDS"}], "DatasetLinks": {"raw": str(cohort / "bids")}}
    shards = [tmp_path / "out_0", tmp_path / "out_1"]
    for number, folder in enumerate(sorted((cohort / "out").glob("sub-*"))):
        shutil.copytree(folder, shards[number % 2] / folder.name)
    for shard in shards:
        (shard / "dataset_description.json").write_text(json.dumps(about))
    options = {"reference_participants": ("group=control",)}
    grouped(cohort, make_reference=tmp_path / "whole.json", **options)
    write_group(
        tmp_path / "out",
        "openS",
        bids_dir=cohort / "bids",
        centiles=Centiles(make_reference=tmp_path / "parts.json", **options),
        analyses=Analyses(tuple(NamedPath("", shard) for shard in shards)),
    )
    assert (tmp_path / "parts.json").read_bytes() == (tmp_path / "whole.json").read_bytes()
