"""Parts of the scans, and what a task of a cluster gets, as texts of the command line."""

import pytest

from neurofm_bids.cli.options import parse
from neurofm_bids.cluster_options import Shard, shard, slurm_time
from neurofm_bids.errors import Exit, NeuroFMError


@pytest.mark.parametrize("count", [1, 2, 3, 7, 20, 25])
def test_parts_share_everything_and_differ_by_one_at_most(count):
    labels = [f"{number:02}" for number in range(20)]
    parts = [Shard(number, count).of(labels) for number in range(1, count + 1)]
    assert sorted(label for part in parts for label in part) == labels
    sizes = {len(part) for part in parts}
    assert max(sizes) - min(sizes) <= 1


def test_a_part_is_written_as_it_is_read():
    assert str(shard("3/20")) == "3/20"


REFUSED = [(shard, text) for text in ("0/4", "5/4", "-1/4", "1", "1/2/3", "a/b", "1/0", "")]
REFUSED += [(slurm_time, text) for text in ("0", "0:00", "soon", "-5", "1:2:3:4", "")]


@pytest.mark.parametrize(("convert", "text"), REFUSED)
def test_other_texts_are_refused_with_an_example(convert, text, tmp_path):
    flag = {shard: "--shard", slurm_time: "--slurm-time"}[convert]
    with pytest.raises(NeuroFMError, match=r"is not a (part|time) such as") as caught:
        parse([str(tmp_path), str(tmp_path / "out"), "participant", f"{flag}={text}"])
    assert caught.value.code == Exit.USAGE


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("5", 5),
        ("0:30", 1),
        ("10:00", 10),
        ("2:00:00", 120),
        ("1-0", 1440),
        ("1-2:30", 1590),
        ("1-0:0:1", 1441),
    ],
)
def test_times_are_those_of_slurm(text, minutes):
    assert slurm_time(text) == minutes
