"""From options to checked settings."""

import os
from pathlib import Path

import pytest

from neurofm_bids.cli.settings import make_config
from neurofm_bids.cluster_options import Shard
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.named_path import NamedPath
from neurofm_bids.resources import available_cpus, available_memory_gb


@pytest.fixture
def make(tmp_path):
    """Return a function that makes settings from values, with a dataset and an output folder."""
    (tmp_path / "bids").mkdir()

    def run(**values):
        folders = {"bids_dir": tmp_path / "bids", "out_dir": tmp_path / "out"}
        given = {**folders, "analysis_level": ["participant"], **values}
        return make_config(given, command="neurofm bids out participant")

    return run


def test_what_is_not_given_has_its_default(make):
    config = make()
    assert config.levels == ("participant",)
    assert config.command == "neurofm bids out participant"
    assert config.processing.views == 8
    assert config.selection.participant_label == ()
    assert config.resources.nprocs == available_cpus()
    assert config.resources.memory_gb == pytest.approx(available_memory_gb(), rel=0.01)
    assert config.running.work_dir.name.startswith(f"neurofm-work-{os.geteuid()}-")


def test_levels_are_in_their_order_and_once(make):
    config = make(analysis_level=["group", "participant", "group"])
    assert config.levels == ("participant", "group")


@pytest.mark.parametrize("prefix", ["", "sub-"])
def test_labels_with_and_without_prefix(make, prefix):
    assert make(participant_label=[f"{prefix}01", "02"]).selection.participant_label == ("01", "02")


def test_labels_from_a_file(make, tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("sub-01\n02\n")
    assert make(participant_label=[str(path)]).selection.participant_label == ("01", "02")


def test_paths_are_absolute_and_links_stay(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("out")
    config = make(bids_dir=Path("bids"), out_dir=Path("link"), work_dir=Path("work"))
    assert (config.bids_dir, config.out_dir) == (tmp_path / "bids", tmp_path / "link")
    assert config.running.work_dir == tmp_path / "work"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"out_dir": "bids"}, r"the output folder is the dataset itself: .*derivatives/neurofm, for example"),
        ({"work_dir": "bids/work"}, "the work folder is inside the dataset: .*--work-dir"),
        (
            {"force": True, "reports_only": True},
            "--reports-only cannot be combined. Use only one",
        ),
        ({"bids_filter_file": "missing.json"}, r"filter file not found: .*missing\.json"),
    ],
)
def test_settings_that_exclude_each_other(make, tmp_path, values, message):
    paths = {key: tmp_path / value if isinstance(value, str) else value for key, value in values.items()}
    with pytest.raises(NeuroFMError, match=message) as error:
        make(**paths)
    assert error.value.code is Exit.USAGE


def test_output_folder_may_be_a_derivative(make, tmp_path):
    out = tmp_path / "bids" / "derivatives" / "neurofm"
    assert make(out_dir=out).out_dir == out


def test_filter_file_reaches_the_settings(make, tmp_path):
    path = tmp_path / "filter.json"
    path.write_text('{"t1w": {"acquisition": "mprage"}}')
    assert make(bids_filter_file=path).selection.bids_filter_file == path


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"make_reference": Path("r.json")}, "--make-reference and --reference-participants belong together"),
        ({"reference_participants": ["01"]}, "--make-reference and --reference-participants belong together"),
        (
            {"make_reference": Path("r.json"), "reference_participants": ["01"]},
            "--make-reference needs the group level",
        ),
    ],
)
def test_options_of_a_reference_that_do_not_fit(make, values, message):
    with pytest.raises(NeuroFMError, match=message) as error:
        make(**values)
    assert error.value.code is Exit.USAGE


def test_participants_of_a_reference_are_labels_files_and_conditions(make, tmp_path):
    (tmp_path / "a=b.tsv").write_text("participant_id\nsub-03\n")
    named = ["sub-01", "group=control", str(tmp_path / "a=b.tsv")]
    config = make(analysis_level=["group"], make_reference=tmp_path / "r.json", reference_participants=named)
    assert config.centiles.reference_participants == ("01", "03", "group=control")
    assert config.centiles.make_reference == tmp_path / "r.json"


@pytest.mark.parametrize(
    ("levels", "names", "message"),
    [
        (["participant"], ["t.toml"], "tasks are fitted at the group level, which is not run"),
        (["group"], ["t.toml", "a.json"], "a readout is applied at the participant level, which is not run"),
    ],
)
def test_files_of_readouts_that_no_level_uses_are_refused(make, levels, names, message):
    with pytest.raises(NeuroFMError, match=message) as error:
        make(analysis_level=levels, readouts=[Path(name) for name in names])
    assert error.value.code is Exit.USAGE


def test_files_of_readouts_have_absolute_paths(make):
    config = make(analysis_level=["participant", "group"], readouts=[Path("a.json"), Path("t.toml")])
    assert config.readouts.files == (Path.cwd() / "a.json",)
    assert config.readouts.tasks == (Path.cwd() / "t.toml",)


def test_features_without_tasks_to_fit_are_refused(make):
    with pytest.raises(NeuroFMError, match="no file of tasks is given") as caught:
        make(analysis_level=["group"], features="regional")
    assert caught.value.code is Exit.USAGE
    tasks = [Path("tasks.toml")]
    assert make(analysis_level=["group"], features="regional", readouts=tasks).readouts.features == "regional"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"shard": Shard(1, 2), "analysis_level": ["participant", "group"]},
            "group level needs all",
        ),
        ({"shard": Shard(1, 2), "analysis_level": ["group"]}, "group level needs all"),
        ({"stage": "encode", "analysis_level": ["group"]}, "--stage is for the participant level"),
        ({"stage": "preprocess", "analysis_level": ["participant", "group"]}, "the group level needs scans"),
        ({"stage": "encode", "reports_only": True}, "--stage and --reports-only cannot be combined"),
        ({"shard": Shard(1, 2), "executor": "slurm"}, "--shard and --executor slurm cannot be combined"),
        ({"executor": "slurm", "analysis_level": ["group"]}, "is for the participant level"),
    ],
)
def test_parts_and_clusters_where_they_have_no_meaning(make, values, message):
    with pytest.raises(NeuroFMError, match=message) as caught:
        make(**values)
    assert caught.value.code == Exit.USAGE


def test_parts_and_clusters(make):
    assert make(shard=Shard(1, 2)).selection.shard == Shard(1, 2)
    assert make(executor="slurm", analysis_level=["participant", "group"]).cluster.executor == "slurm"
    assert make(shard=Shard(1, 2), executor="local").cluster.executor == "local"


@pytest.mark.parametrize(
    ("name", "value", "flag"),
    [
        ("group_inputs", [NamedPath("", Path("o"))], "--group-inputs"),
        ("group_config", Path("g"), "--group-config"),
    ],
)
def test_options_of_the_group_level_need_it(make, name, value, flag):
    with pytest.raises(NeuroFMError, match=f"{flag} needs the group level"):
        make(**{name: value})


def test_inputs_are_absolute_and_keep_their_names(make):
    config = make(
        analysis_level=["group"], group_inputs=[NamedPath("n", Path("a")), NamedPath("", Path("~/b"))]
    )
    paths = (NamedPath("n", Path.cwd() / "a"), NamedPath("", Path("~/b").expanduser()))
    assert config.analyses.group_inputs == paths


@pytest.mark.parametrize(
    ("stage", "levels"),
    [
        ("all", ["participant", "group"]),
        ("encode", ["participant", "group"]),
        ("preprocess", ["participant"]),
    ],
)
def test_stages_go_with_levels(make, stage, levels):
    assert make(stage=stage, analysis_level=levels).running.stage == stage
