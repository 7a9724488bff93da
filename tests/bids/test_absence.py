from pathlib import Path

import pytest

from neurofm_bids.bids.absence import absence, empty_participants, empty_sessions, nothing_selected
from neurofm_bids.bids.filters import Selector
from neurofm_bids.bids.index import Listing
from neurofm_bids.config import Config, Selection
from neurofm_bids.errors import Exit

ROOT = Path("/bids")
IMAGE = ROOT / "sub-01/anat/sub-01_part-phase_T1w.nii"
BOTH = {"session_label": ("a", "b"), "bids_filter_file": Path("f.json")}


@pytest.mark.parametrize(
    ("images", "left_out", "others", "options", "reason", "fix"),
    [
        ([], {}, [None, set()], {}, "there is no image in anat", "Check the dataset."),
        ([], {}, [None], {}, "there is no folder anat", "Check the dataset."),
        ([], {}, [{"T2w"}, None, {"FLAIR"}], {}, "anat has FLAIR, T2w only", "Check the dataset."),
        (
            [IMAGE],
            {IMAGE: ("why", "")},
            [],
            BOTH,
            "why",
            "Select the image in a file for --bids-filter-file.",
        ),
        ([], {IMAGE: ("in .bidsignore", "")}, [], {}, "in .bidsignore", "Check .bidsignore."),
        ([], {IMAGE: ("why", "Rename it.")}, [], {}, "why", "Rename it."),
        (
            [IMAGE],
            {},
            [],
            {"session_label": ("b",)},
            "--session-label excludes the only image",
            "Check --session-label.",
        ),
        (
            [IMAGE],
            {},
            [],
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
        (Listing(), {}, {}, "images: 0, participants: 2; there is no folder anat", "Check the dataset."),
        (
            Listing(others={ROOT / "sub-01": {"T2w"}, ROOT / "sub-02": {"bold"}}),
            {},
            {"session_label": ("a",)},
            "images: 0, participants: 2; anat has T2w, bold only; --session-label a",
            "Check the dataset.",
        ),
        (
            Listing(images=[IMAGE]),
            {IMAGE: ("why", "")},
            {},
            "images: 1, participants: 2; left out: sub-01_part-phase_T1w.nii: why",
            "Check the dataset.",
        ),
        (
            Listing(unclear=[IMAGE], others={ROOT / "sub-01": set()}),
            {IMAGE: ("why", "Rename it.")},
            {},
            "images: 0, participants: 2; left out: sub-01_part-phase_T1w.nii: why",
            "Rename it.",
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


def test_participants_are_told_apart():
    first, second, third = (ROOT / f"sub-0{i}" for i in (1, 2, 3))
    listing = Listing(
        images=[IMAGE], others={first: set(), second: None, second / "ses-a": {"T2w"}, third: None}
    )
    reasons = empty_participants([first, second, third], listing, {IMAGE: ("why", "")}, Selection())
    assert {folder.name: reason.partition(": ")[2] for folder, (reason, _) in reasons.items()} == {
        "sub-01": "why",
        "sub-02": "anat has T2w only",
        "sub-03": "there is no folder anat",
    }


@pytest.mark.parametrize(
    ("selector", "sessions"),
    [
        (Selector(), ["b", "c"]),
        (Selector(sessions=("a", "c")), ["c"]),
        (Selector(filters=(("session", ["b", None]),)), ["b"]),
        (Selector(filters=(("run", 1),)), ["b", "c"]),
    ],
)
def test_selected_sessions_without_an_image_are_named(selector, sessions):
    one, two = ROOT / "sub-01", ROOT / "sub-02"
    places = {
        one: None,
        **{one / f"ses-{label}": {"T2w"} for label in "abcdef"},
        two: None,
        two / "ses-b": set(),
    }
    images = [one / "ses-a/anat/sub-01_ses-a_T1w.nii", one / "ses-f/sub-01_ses-f_T1w.nii"]
    closed = [(one / "ses-d", ("", "")), (one / "ses-e/anat", ("", ""))]
    listing = Listing(images=images, closed=closed, others=places)
    assert empty_sessions(listing, [], [two], selector) == {
        one / f"ses-{label}": ("no T1w image is selected: anat has T2w only", "Check the dataset.")
        for label in sessions
    }
