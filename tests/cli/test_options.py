"""The command line and settings files, parsed."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from neurofm_bids.cli.options import get_parser, parse
from neurofm_bids.cluster_options import Shard
from neurofm_bids.config import GROUPS
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.named_path import NamedPath
from neurofm_bids.option import options_of


def setting(config, name):
    for group, kind in GROUPS.items():
        if name in {field.name for field, _ in options_of(kind)}:
            return getattr(getattr(config, group), name)
    raise AssertionError(name)


def test_the_command_can_be_pasted_into_a_shell(folders):
    given = [*folders, "participant", "--participant-label", "it's", "--weights", "my file.h5", "--device=$x"]
    assert shlex.split(parse(given).command) == ["neurofm", *given]


def test_levels_run_in_their_order(folders):
    assert parse([*folders, "group", "participant"]).levels == ("participant", "group")


def test_unknown_level_is_named(folders):
    with pytest.raises(
        NeuroFMError, match=r"unknown analysis level: session\. Use participant or group"
    ) as e:
        parse([*folders, "session"])
    assert e.value.code is Exit.UNKNOWN_LEVEL


@pytest.mark.parametrize(
    "wrong",
    [
        ["--nope"],
        ["--views", "65"],
        ["--precision", "float16"],
        ["--views", "0"],
        ["--nprocs", "0"],
        ["--mem", "much"],
    ],
)
def test_wrong_options_are_usage_errors(folders, wrong, capsys):
    with pytest.raises(NeuroFMError) as error:
        parse([*folders, "participant", *wrong])
    assert error.value.code is Exit.USAGE
    assert "neurofm --help" in str(error.value)


@pytest.mark.parametrize(("text", "shown"), [("8", "8 MB"), ("0.4G", "400 MB"), ("499.9", "499.9 MB")])
def test_memory_in_mb_that_was_meant_in_gb_is_a_usage_error(folders, tmp_path, text, shown):
    path = tmp_path / "settings.toml"
    path.write_text(f'mem = "{text}"\n')
    for given in (["--mem", text], ["--config-file", str(path)]):
        with pytest.raises(NeuroFMError, match=f"--mem is {shown}, less than .*: write 8GB") as error:
            parse([*folders, "participant", *given])
        assert error.value.code is Exit.USAGE
    assert setting(parse([*folders, "participant", "--mem", "500"]), "memory_gb") == 0.5


def test_settings_file_gives_defaults_and_the_command_line_wins(folders, tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text('skull-strip = "skip"\nviews = 1\nparticipant_label = ["01"]\nforce = true\n')
    config = parse([*folders, "participant", "--config-file", str(path), "--views", "2"])
    assert (config.processing.skull_strip, config.processing.views, config.outputs.force) == ("skip", 2, True)
    assert config.selection.participant_label == ("01",)


def test_paths_in_a_settings_file_are_relative_to_the_current_folder(folders, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", "/home/of")
    (tmp_path / "settings.toml").write_text('work-dir = "w"\nweights = "~/x.h5"\n')
    config = parse([*folders, "participant", "--config-file", "../settings.toml"])
    assert (config.running.work_dir, config.processing.weights) == (
        tmp_path / "here" / "w",
        Path("/home/of/x.h5"),
    )


def test_help_lists_every_exit_code():
    shown = " ".join(get_parser().format_help().split()).split("Exit codes: ")[1]
    assert [int(part.split()[0]) for part in shown.split("; ")] == [*map(int, Exit), 130]


def test_a_settings_file_that_is_not_there(folders):
    with pytest.raises(NeuroFMError, match=r"settings file not found: .*missing\.toml"):
        parse([*folders, "participant", "--config-file", "missing.toml"])


def test_a_settings_file_that_is_not_downloaded_says_how_to_fetch_it(folders, tmp_path):
    path = tmp_path / "settings.toml"
    path.symlink_to(".git/annex/objects/x.toml")
    with pytest.raises(NeuroFMError, match="the settings file has not been downloaded") as error:
        parse([*folders, "participant", "--config-file", str(path)])
    assert error.value.fix == f"Run: datalad get {path}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nope = 1\n", "unknown setting 'nope'.*neurofm --help"),
        ("modell = 's'\n", "unknown setting 'modell'.*Did you mean 'model'"),
        ("views = true\n", "'views' cannot be True"),
        ("views = 99\n", "'views' cannot be 99"),
        ('skull-strip = "x"\n', "'skull-strip' cannot be 'x'"),
        ('force = "yes"\n', "'force' cannot be 'yes'"),
        ("= 1\n", "cannot be read"),
    ],
)
def test_settings_file_errors(folders, tmp_path, text, message):
    path = tmp_path / "settings.toml"
    path.write_text(text)
    with pytest.raises(NeuroFMError, match=message) as error:
        parse([*folders, "participant", "--config-file", str(path)])
    assert error.value.code is Exit.USAGE


REACHED = [
    (["--participant-label", "01", "sub-02"], "participant_label", ("01", "02")),
    (["--bids-filter-file", "{folder}/filter.json"], "bids_filter_file", "{folder}/filter.json"),
    (["--nprocs", "3"], "nprocs", 3),
    (["--n-cpus", "3"], "nprocs", 3),
    (["--nthreads", "3"], "nprocs", 3),
    (["--work-dir", "{folder}/w"], "work_dir", "{folder}/w"),
    (["-w", "{folder}/w"], "work_dir", "{folder}/w"),
    (["--omp-nthreads", "3"], "omp_nthreads", 3),
    (["--verbose", "--verbose"], "verbose", 2),
    (["--skip-bids-validation"], "skip_bids_validation", True),
    (["--shard", "2/3"], "shard", Shard(2, 3)),
    (["--index", "{folder}/index.jsonl"], "index", "{folder}/index.jsonl"),
    (["--skull-strip", "force"], "skull_strip", "force"),
    (["--bias-correction", "none"], "bias_correction", "none"),
    (["--derivatives", "x=/"], "derivatives", (NamedPath("x", Path("/")),)),
    (["-d", "x=/", "y=/"], "derivatives", (NamedPath("x", Path("/")), NamedPath("y", Path("/")))),
    (["--encode-space", "native"], "encode_space", "native"),
    (["--template", "MNI152NLin6Asym"], "template", "MNI152NLin6Asym"),
    (["--model", "neurofm-l"], "model", "neurofm-l"),
    (["--views", "1"], "views", 1),
    (["--device", "cuda:1"], "device", "cuda:1"),
    (["--batch-size", "4"], "batch_size", 4),
    (["--output-images"], "output_images", True),
    (["--force"], "force", True),
    (["--reports-only"], "reports_only", True),
    (["--include-failed"], "include_failed", True),
    (["--pdf"], "pdf", True),
    (["--stop-on-first-crash"], "stop_on_first_crash", True),
    (["--mem", "8GB"], "memory_gb", 8.0),
    (["--mem-mb", "8000"], "memory_gb", 8.0),
    (["--session-label", "ses-a", "b"], "session_label", ("a", "b")),
    (["--session-id", "a"], "session_label", ("a",)),
    (["--resource-monitor"], "resource_monitor", True),
    (["--keep-work"], "keep_work", True),
    (["--stage", "encode"], "stage", "encode"),
    (["--dry-run"], "dry_run", True),
    (["--executor", "slurm"], "executor", "slurm"),
    (["--slurm-partition", "long"], "slurm_partition", "long"),
    (["--slurm-account", "lab"], "slurm_account", "lab"),
    (["--slurm-time", "1:30:00"], "slurm_minutes", 90),
    (["--slurm-mem", "8GB"], "slurm_memory_gb", 8.0),
    (["--slurm-cpus", "4"], "slurm_cpus", 4),
    (["--slurm-tasks", "20"], "slurm_tasks", 20),
    (["--slurm-scans", "5"], "slurm_scans", 5),
    (["--slurm-args", "-q long"], "slurm_args", "-q long"),
    (["--slurm-prefix", "time"], "slurm_prefix", "time"),
    (["--use-plugin", "{folder}/plugin.yml"], "use_plugin", "{folder}/plugin.yml"),
    (["--weights", "{folder}/w.h5"], "weights", "{folder}/w.h5"),
    (["--precision", "bfloat16"], "precision", "bfloat16"),
    (["--no-anatomy"], "no_anatomy", True),
    (["--anatomy-phases", "8"], "anatomy_phases", 8),
    (["-v", "-v"], "verbose", 2),
    (["--reference", "{folder}/r.json"], "reference", "{folder}/r.json"),
    (["--make-reference", "{folder}/r", "--reference-participants", "1"], "make_reference", "{folder}/r"),
    (
        ["--reference-participants", "sub-01", "group=x", "--make-reference", "r.json"],
        "reference_participants",
        ("01", "group=x"),
    ),
    (["--readouts", "/a.json", "/b.toml"], "readouts", (Path("/a.json"), Path("/b.toml"))),
    (["--attribution"], "attribution", ("all",)),
    (["--attribution", "age", "sex"], "attribution", ("age", "sex")),
    (["--group-config", "/g.toml"], "group_config", Path("/g.toml")),
    (
        ["--group-inputs", "/a", "b=/c"],
        "group_inputs",
        (NamedPath("", Path("/a")), NamedPath("b", Path("/c"))),
    ),
    (["--features", "both", "--readouts", "/b.toml"], "features", "both"),
]


@pytest.mark.parametrize(("arguments", "name", "value"), REACHED)
def test_options_reach_the_settings(folders, tmp_path, arguments, name, value):
    (tmp_path / "filter.json").write_text("{}")
    given = [argument.format(folder=tmp_path) for argument in arguments]
    expected = Path(value.format(folder=tmp_path)) if "{" in str(value) else value
    levels = ["participant"] if name == "shard" else ["participant", "group"]
    assert setting(parse([*folders, *levels, *given]), name) == expected


@pytest.mark.parametrize(("arguments", "name", "value"), REACHED)
def test_names_of_options_may_have_underscores(folders, tmp_path, arguments, name, value):
    first, *others = arguments
    underscored = [f"--{first.removeprefix('--').replace('-', '_')}" if "--" in first else first, *others]
    test_options_reach_the_settings(folders, tmp_path, underscored, name, value)


def test_every_spelling_of_every_option_is_in_this_table():
    declared = {flag for kind in GROUPS.values() for _, option in options_of(kind) for flag in option.flags}
    assert {arguments[0] for arguments, *_ in REACHED} == declared


def test_every_option_has_help_and_shows_its_default():
    text = " ".join(get_parser().format_help().split())
    for group in GROUPS.values():
        for field, option in options_of(group):
            assert option.flags[0] in text
            shown = option.show_default(field.default)
            assert not shown or f"(default: {shown})" in text


def test_abbreviations_are_not_options(folders):
    with pytest.raises(NeuroFMError, match=r"--view 1\. Did you mean --views\? See neurofm --help"):
        parse([*folders, "participant", "--view", "1"])


def test_notrack_changes_nothing_on_the_command_line_and_in_a_settings_file(folders, tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text("notrack = true\n")
    usual, *others = (
        parse([*folders, "participant", *more]) for more in ([], ["--notrack"], ["--config-file", str(path)])
    )
    assert [replace(other, command=usual.command) for other in others] == [usual, usual]


def test_an_option_that_takes_the_folders_is_explained(folders):
    with pytest.raises(NeuroFMError, match="the following arguments are required") as error:
        parse(["--participant-label", "01", *folders, "participant"])
    assert "an option that takes several values takes all words after it" in error.value.fix
