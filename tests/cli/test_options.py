import pytest

from neurofm_bids.cli.options import parse
from neurofm_bids.config import GROUPS
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.option import memory_gb, options_of


@pytest.fixture
def folders(tmp_path):
    (tmp_path / "bids").mkdir()
    return [str(tmp_path / "bids"), str(tmp_path / "out")]


def setting(config, name):
    for group, kind in GROUPS.items():
        if name in {field.name for field, _ in options_of(kind)}:
            return getattr(getattr(config, group), name)
    raise AssertionError(name)


def test_levels_run_in_their_order(folders):
    assert parse([*folders, "group", "participant"]).levels == ("participant", "group")


def test_unknown_level_is_named(folders):
    with pytest.raises(
        NeuroFMError, match=r"unknown analysis level: session\. Use participant or group"
    ) as e:
        parse([*folders, "session"])
    assert e.value.code is Exit.UNKNOWN_LEVEL


@pytest.mark.parametrize("prefix", ["", "sub-"])
def test_labels_with_and_without_prefix(folders, prefix):
    config = parse([*folders, "participant", "--participant-label", f"{prefix}01", "02"])
    assert config.selection.participant_label == ("01", "02")


@pytest.mark.parametrize(
    "wrong",
    [
        ["--nope"],
        ["--views", "65"],
        ["--precision", "float16"],
        ["--views", "0"],
        ["--nprocs", "0"],
        ["--model", "x"],
        ["--mem", "much"],
    ],
)
def test_wrong_options_are_usage_errors(folders, wrong, capsys):
    with pytest.raises(NeuroFMError) as error:
        parse([*folders, "participant", *wrong])
    assert error.value.code is Exit.USAGE
    assert "neurofm --help" in str(error.value)


@pytest.mark.parametrize("spelling", ["--nprocs", "--n-cpus", "--nthreads"])
def test_processor_spellings(folders, spelling):
    assert parse([*folders, "participant", spelling, "3"]).resources.nprocs == 3


@pytest.mark.parametrize(("text", "expected"), [("8000", 8.0), ("8GB", 8.0), ("8g", 8.0), ("512M", 0.512)])
def test_memory_units(text, expected):
    assert memory_gb(text) == pytest.approx(expected)


def test_output_folder_must_not_be_the_dataset(folders):
    with pytest.raises(NeuroFMError, match="the output folder is the dataset itself"):
        parse([folders[0], folders[0], "participant"])


def test_work_folder_must_not_lie_in_the_dataset(folders):
    with pytest.raises(NeuroFMError, match="the work folder lies inside the dataset"):
        parse([*folders, "participant", "-w", folders[0] + "/work"])


def test_output_folder_may_be_a_derivative(folders):
    out = folders[0] + "/derivatives/neurofm"
    assert str(parse([folders[0], out, "participant"]).out_dir) == out


def test_settings_file_gives_defaults_and_the_command_line_wins(folders, tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text('skull-strip = "skip"\nviews = 1\nparticipant_label = ["01"]\nforce = true\n')
    config = parse([*folders, "participant", "--config-file", str(path), "--views", "2"])
    assert (config.processing.skull_strip, config.processing.views, config.outputs.force) == ("skip", 2, True)
    assert config.selection.participant_label == ("01",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nope = 1\n", "unknown setting 'nope'"),
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


def test_only_what_changes_results_changes_the_hash(folders):
    base = parse([*folders, "participant"])
    same = parse([*folders, "participant", "--nprocs", "7", "--force", "--output-images", "--notrack"])
    other = parse([*folders, "participant", "--views", "1"])
    hashes = [config.processing.parameters_hash for config in (base, same, other)]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (["--omp-nthreads", "3"], "omp_nthreads", 3),
        (["--verbose", "--verbose"], "verbose", 2),
        (["--skip-bids-validation"], "skip_bids_validation", True),
        (["--skull-strip", "force"], "skull_strip", "force"),
        (["--bias-correction", "none"], "bias_correction", "none"),
        (["--encode-space", "native"], "encode_space", "native"),
        (["--template", "MNI152NLin6Asym"], "template", "MNI152NLin6Asym"),
        (["--random-seed", "7"], "random_seed", 7),
        (["--model", "neurofm-l"], "model", "neurofm-l"),
        (["--views", "1"], "views", 1),
        (["--device", "cuda:1"], "device", "cuda:1"),
        (["--batch-size", "4"], "batch_size", 4),
        (["--output-images"], "output_images", True),
        (["--force"], "force", True),
        (["--reports-only"], "reports_only", True),
        (["--stop-on-first-crash"], "stop_on_first_crash", True),
        (["--mem", "8GB"], "memory_gb", 8.0),
        (["--session-label", "ses-a", "b"], "session_label", ("a", "b")),
        (["--notrack"], "verbose", 0),
    ],
)
def test_options_reach_the_settings(folders, arguments, name, value):
    assert setting(parse([*folders, "participant", *arguments]), name) == value


def test_filter_file_reaches_the_settings(folders, tmp_path):
    path = tmp_path / "filter.json"
    path.write_text('{"t1w": {"acquisition": "mprage"}}')
    config = parse([*folders, "participant", "--bids-filter-file", str(path)])
    assert config.selection.bids_filter_file == path
