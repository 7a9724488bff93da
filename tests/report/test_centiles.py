import pytest

from neurofm_bids.records.centile import Centile
from neurofm_bids.report.centiles import (
    centile_bar,
    centile_text,
    centile_with_interval,
    is_muted,
    notes_of,
    notes_text,
)
from neurofm_bids.report.plots import BAR


def centile(*notes, value=40.0, interval=None):
    return Centile("brain", "measured", 1.0, None, centile=value, centile_interval95=interval, notes=notes)


def test_notes_of_all_are_said_once_and_others_are_marked():
    items = [centile("preview"), centile("preview", "shifted"), centile("preview", "unreliable", "shifted")]
    notes = notes_of(items)
    assert notes.common == (notes_text(["preview"]),)
    assert [notes.marks_of(item) for item in items] == ["", "a", "a, b"]
    assert [mark for mark, _ in notes.legend] == ["a", "b"]
    assert notes.legend[0][1] == notes_text(["shifted"])
    assert notes_of([]).common == ()


def test_bars_run_from_0_to_100():
    assert centile_bar(centile(value=None)) is None
    bar = centile_bar(centile(value=25.0, interval=(0.2, 75.0)))
    assert (bar.value, bar.high, bar.ends) == (BAR / 4, 0.75 * BAR, ("<1", "75"))
    assert centile_bar(centile(value=25.0)).low is None


def test_the_centile_of_an_unreliable_volume_is_withheld():
    unreliable = centile("unreliable", "shifted", interval=(20.0, 60.0))
    assert centile_text(unreliable) == centile_with_interval(unreliable) == "not shown"
    assert centile_bar(unreliable) is None
    assert not is_muted(unreliable)
    assert centile_text(centile("unreliable", value=None)) == ""


def test_that_of_a_shifted_volume_is_muted():
    assert is_muted(centile("shifted"))
    assert not is_muted(centile("preview"))
    assert not is_muted(centile("shifted", value=None))


def test_intervals_stand_beside_the_centile():
    assert centile_with_interval(centile(interval=(0.2, 75.0))) == "40 (<1 to 75)"
    assert centile_with_interval(centile()) == "40"


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (0.99, "<1"), (1.0, "1"), (99.0, "99"), (99.01, ">99")]
)
def test_no_centile_is_0_or_100(value, text):
    assert centile_text(centile(value=value)) == text
