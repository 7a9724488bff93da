import numpy as np
import pytest

from neurofm_bids.anatomy.regions import LOBES, REGIONS, STRUCTURES
from neurofm_bids.norms.published import CHOROID_MM3, ETIV_ML, read_norms

NAMES = [region.name for region in REGIONS]
AGES = (20, 30, 40, 50, 60, 70, 80, 90)
# Read from the published models by others than the script that makes the table of the package.
VENTRICLES_ML = {
    "F": (10.6, 10.8, 12.0, 14.2, 17.8, 23.0, 30.3, 40.1),
    "M": (12.6, 13.1, 14.8, 17.9, 22.7, 29.8, 40.0, 53.7),
}
BRAIN_PER_ETIV = {  # without ventricles and brainstem
    "F": (0.766, 0.763, 0.757, 0.746, 0.730, 0.708, 0.677, 0.637),
    "M": (0.755, 0.749, 0.741, 0.728, 0.711, 0.688, 0.658, 0.619),
}
HIPPOCAMPI_ML = (7.88, 7.96, 7.98, 7.90, 7.71, 7.38, 6.88, 6.18)  # women


def total_ml(volumes, *structures):
    chosen = [STRUCTURES[region.structure].name in structures for region in REGIONS]
    return volumes[chosen].sum() / 1000


def expected(sex, age):
    return read_norms().volumes_mm3(age, sex, ETIV_ML[sex])


@pytest.mark.parametrize("sex", ["F", "M"])
def test_means_are_those_of_the_published_models(sex):
    tissue = [s.name for s in STRUCTURES if s.kind != "ventricle" and s.name != "brainstem"]
    for row, age in enumerate(AGES):
        volumes = expected(sex, age)
        ventricles = total_ml(volumes, "lateral_ventricle", "inferior_lateral_ventricle")
        assert ventricles - 2 * CHOROID_MM3 / 1000 == pytest.approx(VENTRICLES_ML[sex][row], abs=0.06)
        # Models of parts and of the whole were fitted apart: they differ by up to 1 %, at 90 years 1.8 %.
        brain = total_ml(volumes, *tissue) / ETIV_ML[sex]
        assert brain == pytest.approx(BRAIN_PER_ETIV[sex][row], rel=0.018 if age == 90 else 0.01)


def test_hippocampi_are_those_of_the_published_models():
    volumes = [total_ml(expected("F", age), "hippocampus") for age in AGES]
    assert volumes == pytest.approx(HIPPOCAMPI_ML, abs=0.006)


def test_lobes_add_up_to_the_cortex():
    assert total_ml(expected("F", 20), *LOBES) == pytest.approx(480.4, rel=0.005)
    assert total_ml(expected("M", 80), *LOBES) == pytest.approx(447.1, rel=0.005)


def test_white_matter_and_corpus_callosum_are_the_cerebral_white_matter():
    assert total_ml(expected("F", 50), "white_matter", "corpus_callosum") == pytest.approx(430.9, abs=0.1)


def test_ages_between_and_beyond_those_of_the_table_are_linear():
    one, two, three = (expected("M", age)[NAMES.index("left_thalamus")] for age in (80, 85, 90))
    between, beyond = (expected("M", age)[NAMES.index("left_thalamus")] for age in (82, 95))
    assert between == pytest.approx(one + 0.4 * (two - one))
    assert beyond == pytest.approx(three + (three - two))


def test_larger_heads_have_larger_regions():
    norms = read_norms()
    small, large = (norms.volumes_mm3(50, "F", size) for size in (1420.0, 1520.0))
    assert (large > small).all()
    change = dict(zip(NAMES, large - small, strict=True))
    assert change["left_hippocampus"] == pytest.approx(137.1)
    assert change["left_lateral_ventricle"] == pytest.approx(10**3.85802 * (10**0.05631 - 1), rel=1e-3)


def test_residuals_are_in_sd():
    norms = read_norms()
    mean, high = (norms.volumes_mm3(50, "F", 1420.0, r) for r in (0, np.ones(len(REGIONS))))
    change = dict(zip(NAMES, high - mean, strict=True))
    assert change["right_hippocampus"] == pytest.approx(359.8)
    assert change["left_lateral_ventricle"] == pytest.approx(10**3.85802 * (10**0.1764 - 1), rel=1e-3)
    sds = dict(zip(NAMES, norms.log_sd(mean), strict=True))
    assert sds["right_hippocampus"] == pytest.approx(359.8 / 4019.65)
    assert sds["third_ventricle"] == pytest.approx(0.1128 * np.log(10))


def test_sums_of_regions_have_the_sd_of_the_published_models():
    norms = read_norms()

    def sd_ml(*structures):
        chosen = np.array([STRUCTURES[region.structure].name in structures for region in REGIONS])
        vector = norms.sd * chosen
        return np.sqrt(vector @ norms.correlation @ vector) / 1000

    nuclei = [s.name for s in STRUCTURES if s.kind == "deep grey matter"]
    assert sd_ml(*LOBES) == pytest.approx(22.04, rel=0.01)
    assert sd_ml("white_matter", "corpus_callosum") == pytest.approx(30.97, rel=0.01)
    assert sd_ml(*nuclei) == pytest.approx(3.10, rel=0.01)
    tissue = [s.name for s in STRUCTURES if s.kind != "ventricle" and s.name != "brainstem"]
    assert sd_ml(*tissue) == pytest.approx(50.56, rel=0.01)
    # Not used to find the correlations:
    assert sd_ml(*LOBES, *nuclei, "cerebellar_cortex") == pytest.approx(26.16, rel=0.02)


def test_correlations_are_possible_and_have_their_signs():
    norms = read_norms()
    assert np.linalg.eigvalsh(norms.correlation).min() > 0.01
    assert norms.root @ norms.root.T == pytest.approx(norms.correlation, abs=1e-12)
    kinds = np.array([STRUCTURES[region.structure].kind == "ventricle" for region in REGIONS])
    assert (norms.correlation[kinds][:, ~kinds] < 0).all()
    assert (norms.correlation[kinds][:, kinds] > 0).all()
    symmetry = dict(zip(NAMES, norms.symmetry, strict=True))
    assert symmetry["left_white_matter"] == symmetry["right_white_matter"] > 0.95
    assert symmetry["brainstem"] == 1
