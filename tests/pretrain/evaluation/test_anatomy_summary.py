import pytest

from neurofm_bids.pretrain.evaluation.anatomy_summary import summarise_anatomy
from tests.pretrain.evaluation.segmented import segmented


def test_agreement_of_volumes_and_of_shares():
    """Twice the known volume everywhere: perfect correlation; the shares of the brain are reversed."""
    scans = [
        segmented(
            f"sub-{n}",
            f"{n}",
            {"hippocampus": volume, "brain": brain},
            {"hippocampus": 2 * volume, "brain": found_brain},
        )
        for n, (volume, brain, found_brain) in enumerate([(6, 1000, 1000), (7, 1000, 2000), (8, 1000, 4000)])
    ]
    scores = summarise_anatomy(scans)["structures"]
    hippocampus = scores["hippocampus"]
    assert (hippocampus["n"], hippocampus["known_ml"], hippocampus["volume_ml"]) == (3, 7.0, 14.0)
    assert [hippocampus[k] for k in ("r", "slope", "bias_percent")] == pytest.approx([1.0, 2.0, 100.0])
    assert hippocampus["r_voxels"] == pytest.approx(1.0)
    assert hippocampus["r_share"] < -0.9  # 12, 7 and 4 per mille
    assert hippocampus["r_known_brain"] is None  # it does not vary
    assert hippocampus["dice"] == pytest.approx(0.8)
    assert (scores["thalamus"]["n"], scores["thalamus"]["dice"]) == (0, None)


def test_repeats_are_compared_with_the_scan_as_it_is():
    scans = [
        segmented("sub-1_run-1", "1", found={"caudate": 10.0}, repeats={"noise": {"caudate": 11.0}}),
        segmented("sub-1_run-2", "1", found={"caudate": 12.0}),
        segmented("sub-2", "2", found={"caudate": 20.0}, repeats={"noise": {"caudate": 20.0}}),
    ]
    repeats = summarise_anatomy(scans)["repeatability"]
    assert list(repeats) == ["scans", "noise"]
    assert repeats["scans"]["caudate"] == {
        "pairs": 1,
        "difference": 2.0,
        "difference_percent": pytest.approx(18.18, abs=0.01),
    }
    assert repeats["noise"]["caudate"]["difference_percent"] == pytest.approx(100 / 10.5 / 2)
    assert summarise_anatomy(scans[2:])["repeatability"]["scans"]["caudate"] is None
