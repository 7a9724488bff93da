"""The settings: each option is one declaration, and only what changes results is in their hash."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from neurofm_bids.config import GROUPS, Config, Processing
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.option import options_of

OPTIONS = [(group, field, option) for group in GROUPS.values() for field, option in options_of(group)]


def test_groups_are_the_fields_of_the_settings():
    assert set(GROUPS) <= {field.name for field in fields(Config)}


def test_every_setting_of_a_group_is_an_option():
    assert len(OPTIONS) == sum(len(fields(group)) for group in GROUPS.values())


def test_names_and_spellings_are_unique():
    names = [field.name for _, field, _ in OPTIONS]
    flags = [flag for _, _, option in OPTIONS for flag in option.flags]
    assert len(set(names)) == len(names)
    assert len(set(flags)) == len(flags)


@pytest.mark.parametrize(("group", "field", "option"), OPTIONS, ids=lambda value: getattr(value, "name", ""))
def test_declarations_are_whole(group, field, option):
    assert option.flags[0].startswith("--")
    assert option.help[0].islower() or option.help.startswith(("JSON", "-vv"))
    assert not option.help.endswith(".")
    if option.choices:
        assert field.default in option.choices
    if option.detect:
        assert option.default_text
        assert option.detect() > 0


def test_parameters_are_what_changes_results():
    assert set(Processing().parameters) == {
        "skull_strip",
        "bias_correction",
        "encode_space",
        "template",
        "views",
        "precision",
        "no_anatomy",
        "anatomy_phases",
    }


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"device": "cuda"}, True),
        ({"weights": Path("w.h5")}, True),
        ({"batch_size": 3}, True),
        ({"views": 1}, False),
        ({"skull_strip": "skip"}, False),
        ({"template": "MNI152NLin6Asym"}, False),
    ],
)
def test_only_what_changes_results_changes_the_hash(change, same):
    base = Processing()
    assert (replace(base, **change).parameters_hash == base.parameters_hash) == same


def test_the_hash_of_the_defaults_has_not_changed():
    """It would make every finished scan stale."""
    expected = "406c727bfd16730e9c20e9a28a26c5f83473f64ecc945b4677053f30359311ac"
    assert Processing().parameters_hash == expected


@pytest.mark.parametrize("name", ["skull_strip", "bias_correction", "encode_space", "precision"])
def test_a_choice_that_does_not_exist_is_refused(name):
    with pytest.raises(NeuroFMError, match=f"{name} is 'other'") as error:
        Processing(**{name: "other"})
    assert error.value.code is Exit.USAGE
