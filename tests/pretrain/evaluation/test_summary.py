from neurofm_bids.pretrain.evaluation.summary import summarise
from tests.pretrain.evaluation.scans import scan


def test_groups_baselines_and_repeatability():
    other = {"age": 50.0, "sex": 0.5, "ventricular_volume": 21.0, "brain_volume": 1111.0}
    scans = [
        scan("sub-1_ses-a_run-1", "1", 20.0, 24.0, session="a", style="tight"),
        scan("sub-1_ses-a_run-2", "1", 20.0, 26.0, session="a", other_masks={"loose": other}),
        scan("sub-1_ses-b", "1", 20.0, 25.0, session="b"),
        scan("sub-2", "2", 60.0, 50.0),
    ]
    summary = summarise(scans)
    groups, repeats = summary["groups"], summary["repeatability"]
    assert groups["all"]["age"]["mae"] == 25 / 4
    assert groups["age 18-30"]["age"]["bias"] == 5.0
    assert groups["stripping tight"]["age"]["n"] == 1
    assert groups["all"]["brain_volume"] is None
    assert summary["baselines"]["age_mae_of_mean_age"] == 15.0
    assert repeats["age"]["scans"] == {"pairs": 1, "difference": 2.0, "difference_percent": 8.0}
    assert repeats["brain_volume"]["mask loose"]["difference"] == 11.0
