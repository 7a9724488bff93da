from dataclasses import replace

import pytest

from neurofm_bids.anatomy.labels import label_names, volume_names
from neurofm_bids.records.attribution import Attribution, RegionAttribution
from neurofm_bids.report.map_texts import maps_caption, texts_of


def attribution(name="Predicted age", units="year", error=0.01, **shares):
    regions = {name.replace("_", "-"): RegionAttribution(share, -1.0, -1.0) for name, share in shares.items()}
    return Attribution(name, units, 40.0, 20.0, error, 20.0 * error, 8, regions)


def test_regions_are_named_like_volumes_the_largest_share_first():
    one = attribution(Right_Cerebral_Cortex=0.256, CSF=0.3, Unknown=0.4, Left_VentralDC=0.04)
    assert texts_of({"age": one})[0].shares == (
        "outside all regions 40%, CSF 30%, Cerebral cortex (right) 26%, Ventral diencephalon (left) 4%; "
        "completeness error 1.0%, 0.2 years of 20 years"
    )
    assert texts_of({"age": attribution()})[0].shares.startswith("not segmented;")
    assert set(volume_names()) == set(label_names().values()) - {"Unknown"}


@pytest.mark.parametrize(("error", "warns"), [(0.1, False), (0.101, True)])
def test_a_map_that_does_not_add_up_has_a_warning(error, warns):
    (text,) = texts_of({"age": attribution(error=error)})
    assert text.warning.startswith("Warning: the completeness error is above 10%") is warns
    assert ("Compare the error with what matters" in text.warning) is warns


def test_a_readout_has_the_name_of_its_profile():
    score = replace(attribution("IQ scores on Raven's Progressive Matrices", "scores"), readout_digest="ab")
    logit = replace(attribution("Logit of patient", "1"), readout_digest="ab")
    plain = replace(attribution("Readout iq_raven", "1"), readout_digest="ab")
    maps = {"iq_raven": score, "group": logit, "other": plain}
    assert [text.title for text in texts_of(maps)] == ["Iq raven", "Group (logit of patient)", "Other"]


def test_the_caption_names_the_rows_and_the_ends_of_the_colours():
    caption = maps_caption({"age": attribution(), "sex": attribution("Predicted logit of male", "1")})
    assert caption.startswith("Rows from the top: age, sex (logit of male). ")
    assert "99.8th percentile" in caption
    assert "below 10% of the limit" in caption
