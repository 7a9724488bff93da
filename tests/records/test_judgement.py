import pytest

from neurofm_bids.records.flag import Flag
from neurofm_bids.records.judgement import STATUSES, Judgement, judge

WARNING = Flag("coarse_voxels", "The voxels are coarse", look="small structures")
SERIOUS = Flag("low_overlap", "The overlap is low", "serious", "the mask")
BARE = Flag("x", "Something")


@pytest.mark.parametrize(
    ("flags", "status", "reasons"),
    [
        ((), "ok", ()),
        ((BARE,), "check", ("Something.",)),
        ((WARNING,), "check", ("The voxels are coarse. Look at small structures.",)),
        (
            (WARNING, SERIOUS),
            "fail",
            ("The overlap is low. Look at the mask.", "The voxels are coarse. Look at small structures."),
        ),
    ],
)
def test_the_worst_flag_decides_and_comes_first(flags, status, reasons):
    assert judge(flags) == Judgement(status, reasons)
    assert status in STATUSES
