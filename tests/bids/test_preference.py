from pathlib import Path

from neurofm_bids.bids.filters import Selector
from neurofm_bids.bids.preference import passed_over

ANAT = Path("/bids/sub-01/anat")


def test_an_image_that_labels_or_filters_exclude_still_counts_as_the_t1w_of_its_session():
    uni, t1w = ANAT / "sub-01_UNIT1.nii.gz", ANAT / "sub-01_run-1_T1w.nii.gz"
    assert passed_over([uni, t1w], [uni, t1w], Selector()) == {uni: "UNIT1: there is a T1w image"}
    assert passed_over([uni], [uni, t1w], Selector()) == {
        uni: "UNIT1: there is a T1w image, which is not selected "
        '(to process the UNIT1 image, add "suffix": "UNIT1" to the filter file)'
    }
    assert passed_over([uni], [uni], Selector()) == {}


def test_a_filter_of_part_does_not_ask_for_an_inversion():
    image = ANAT / "sub-01_inv-1_part-real_T1w.nii.gz"
    reason = {image: "inv-1: not a T1w image by itself"}
    assert passed_over([image], [image], Selector(filters=(("part", "real"),))) == reason


def test_an_image_of_all_echoes_is_used_however_it_was_reconstructed():
    echoes = [ANAT / f"sub-01_{echo}_T1w.nii.gz" for echo in ("echo-1", "part-mag_echo-2", "rec-norm_echo-1")]
    others = [ANAT / f"sub-01_{of}_T1w.nii.gz" for of in ("rec-RMS", "rec-mean", "run-2_echo-1")]
    reasons = passed_over([*echoes, *others], [*echoes, *others], Selector())
    assert reasons.keys() == set(echoes)
    assert reasons[echoes[2]] == "echo-1: the image without echo- is used"


def test_each_reconstruction_of_an_echo_is_used():
    paths = [ANAT / f"sub-01_{of}_T1w.nii.gz" for of in ("echo-1", "echo-2", "rec-norm_echo-2")]
    assert passed_over(paths, paths, Selector()) == {paths[1]: "echo-2: echo-1 is used"}


def test_no_image_is_passed_over_for_one_whose_name_is_not_valid():
    uni, echo = ANAT / "sub-01_UNIT1.nii.gz", ANAT / "sub-01_echo-1_T1w.nii.gz"
    wrong = ANAT / "sub-01_T1W.nii.gz"
    assert passed_over([uni, wrong], [uni], Selector()) == {}
    assert passed_over([echo, wrong], [echo], Selector()) == {}


def test_the_lowest_echo_is_used_as_a_number_and_others_name_it():
    paths = [ANAT / f"sub-01_echo-{echo}_T1w.nii.gz" for echo in ("10", "2", "03")]
    assert passed_over(paths, paths, Selector()) == {
        paths[0]: "echo-10: echo-2 is used",
        paths[2]: "echo-03: echo-2 is used",
    }
    assert passed_over(paths, paths, Selector(filters=(("echo", "*"),))) == {}
