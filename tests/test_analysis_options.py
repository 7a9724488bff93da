"""The settings of analyses of a cohort."""

from pathlib import Path

import pytest

from neurofm_bids.analysis_options import Analyses, group_input
from neurofm_bids.config import GROUPS
from neurofm_bids.named_path import NamedPath
from neurofm_bids.option import options_of


def test_no_option_makes_scans_be_processed_again():
    assert GROUPS["analyses"] is Analyses
    assert not any(declared.changes_results for _, declared in options_of(Analyses))


def test_by_default_there_is_no_file():
    assert Analyses().group_config is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/data/out", NamedPath("", Path("/data/out"))),
        ("siteA=/data/out", NamedPath("siteA", Path("/data/out"))),
        ("a=b=c", NamedPath("a", Path("b=c"))),
        ("./a=b", NamedPath("", Path("a=b"))),
        ("site-A=/out", NamedPath("", Path("site-A=/out"))),  # no letters and digits: a folder
    ],
)
def test_a_name_may_come_before_a_folder(text, expected):
    assert group_input(text) == expected


@pytest.mark.parametrize("item", [NamedPath("", Path("/a=b/c")), NamedPath("n", Path("/a"))])
def test_absolute_folders_are_read_as_they_are_written(item):
    assert group_input(str(item)) == item


def test_an_empty_folder_is_none():
    with pytest.raises(ValueError, match=r"^$"):
        group_input("")
