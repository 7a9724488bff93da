import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.pretrain.evaluation.scans import evaluate_each, in_processes, select_scans


def half(number):
    if number % 2:
        raise NeuroFMError(f"{number} is odd")
    return number // 2


@pytest.mark.parametrize("count", [1, 2])
def test_errors_take_the_place_of_results(count):
    first, second, third = in_processes(half, [2, 3, 8], count)
    assert (first, third) == (1, 4)
    assert str(second) == str(NeuroFMError("3 is odd"))


def test_failures_while_preparing_and_evaluating_are_named(bids_dataset, tmp_path):
    root = bids_dataset(*(f"sub-{n}/anat/sub-{n}_T1w.nii.gz" for n in (1, 2, 3)))
    scans, refused = select_scans(root, tmp_path / "out")
    assert refused == {}
    prepared = [4, NeuroFMError("not prepared"), 5]
    evaluated, failed = evaluate_each(scans, prepared, lambda scan, n: (scan.stem, half(n)), {"x": "y"})
    assert evaluated == [("sub-1", 2)]
    assert list(failed) == ["x", "sub-2", "sub-3"]
    assert "not prepared" in failed["sub-2"]
    assert "5 is odd" in failed["sub-3"]


def test_the_output_folder_may_not_be_among_the_raw_data(bids_dataset):
    root = bids_dataset("sub-1/anat/sub-1_T1w.nii.gz")
    assert select_scans(root, root / "derivatives" / "out")[0]
    with pytest.raises(NeuroFMError, match="inside the dataset"):
        select_scans(root, root / "out")
