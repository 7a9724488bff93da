from pathlib import Path

import pytest

from neurofm_bids.bids.absence import absence, nothing_selected
from neurofm_bids.bids.index import Listing
from neurofm_bids.config import Config, Selection
from neurofm_bids.errors import Exit

ROOT = Path("/bids")
IMAGE = ROOT / "sub-01/anat/sub-01_part-phase_T1w.nii"
BOTH = {"session_label": ("a", "b"), "bids_filter_file": Path("f.json")}


@pytest.mark.parametrize(
    ("images", "left_out", "others", "options", "reason", "fix"),
    [
        ([], {}, (), {}, "there is no image in anat", "Check the dataset."),
        ([], {}, ("T2w", "FLAIR"), {}, "anat has FLAIR, T2w only", "Check the dataset."),
        (
            [IMAGE],
            {IMAGE: "why"},
            (),
            BOTH,
            "why",
            "Select the image in a file for --bids-filter-file.",
        ),
        ([], {IMAGE: "in .bidsignore"}, (), {}, "in .bidsignore", "Check .bidsignore."),
        (
            [IMAGE],
            {},
            (),
            {"session_label": ("b",)},
            "--session-label excludes the only image",
            "Check --session-label.",
        ),
        (
            [IMAGE],
            {},
            (),
            BOTH,
            "--session-label and --bids-filter-file exclude the only image",
            "Check --session-label and --bids-filter-file.",
        ),
    ],
)
def test_the_reason_of_a_participant_names_the_cause(images, left_out, others, options, reason, fix):
    found = absence(images, left_out, others, Selection(**options))
    assert found == (f"no T1w image is selected: {reason}", fix)


@pytest.mark.parametrize(
    ("listing", "left_out", "options", "details", "fix"),
    [
        (Listing(), {}, {}, "images: 0, participants: 2; there is no image in anat", "Check the dataset."),
        (
            Listing(others={"01": {"T2w"}, "02": {"bold"}}),
            {},
            {"session_label": ("a",)},
            "images: 0, participants: 2; anat has T2w, bold only; --session-label a",
            "Check the dataset.",
        ),
        (
            Listing(images=[IMAGE]),
            {IMAGE: "why"},
            {},
            "images: 1, participants: 2; left out: 1, why",
            "Check the dataset.",
        ),
        (
            Listing(images=[IMAGE]),
            {},
            {"bids_filter_file": Path("f.json"), "participant_label": ("01" * 200,)},
            f"images: 1, participants: 2; --participant-label {'01' * 90}..., --bids-filter-file f.json",
            "Check --participant-label and --bids-filter-file.",
        ),
    ],
)
def test_an_empty_selection_states_what_there_is(listing, left_out, options, details, fix):
    error = nothing_selected(Config(ROOT, Path("/out"), selection=Selection(**options)), listing, 2, left_out)
    assert (error.what, error.fix) == (f"no T1w image is selected ({details})", fix)
    assert error.code is Exit.NOTHING_SELECTED
