import subprocess
import sys

import pytest
import torch

from neurofm_bids.anatomy.regions import REGIONS
from neurofm_bids.pretrain.synthesis.generator import GENERATOR_VERSION, generate_image, generate_sample
from neurofm_bids.pretrain.synthesis.truth import region_volumes_ml
from neurofm_bids.resources import torch_threads

LATTICE_VOXELS = 128**3
# The first samples of seed 1, by version: style, first voxel, brain and ventricles in ml, background.
KNOWN = {
    "6": (
        ("cranium", (31, 31, 20), 1093.12, 9.74, -0.2578),
        ("tight", (33, 25, 25), 1179.56, 14.6, -0.2786),
        ("cranium", (27, 33, 29), 1082.9, 26.71, -0.2739),
    )
}


@pytest.mark.parametrize("index", range(3))
def test_random_streams_change_with_the_version_only(anatomies, index):
    sample = generate_sample(anatomies, 1, index)
    style, start, brain_ml, lateral_ml, background = KNOWN[GENERATOR_VERSION][index]
    shape = sample.image.shape
    assert (sample.image.style, sample.start) == (style, start)
    assert shape.volume_ml(shape.brain) == pytest.approx(brain_ml, abs=0.1)
    assert shape.volume_ml(shape.ventricles) == pytest.approx(lateral_ml, abs=0.1)
    assert sample.background == pytest.approx(background, abs=1e-3)


def test_a_sample_is_standardised_and_cropped(anatomies):
    sample = generate_sample(anatomies, 1, 1)
    box, outside = sample.box.double(), LATTICE_VOXELS - sample.box.numel()
    mean = (float(box.sum()) + outside * sample.background) / LATTICE_VOXELS
    square = (float(box.square().sum()) + outside * sample.background**2) / LATTICE_VOXELS
    assert mean == pytest.approx(0, abs=1e-4)
    assert square - mean**2 == pytest.approx(1, abs=2e-4)
    for axis in range(3):  # every face of the box has foreground
        for plane in (0, -1):
            assert (sample.box.select(axis, plane) - sample.background).abs().max() > 1e-6


def test_samples_depend_on_seed_and_index_only(anatomies, maps, cache, tmp_path):
    with torch_threads(1):  # the last bits depend on it
        sample = generate_sample(anatomies, 1, 7)
    assert generate_sample(anatomies, 1, 8).background != sample.background
    code = (
        "import sys, pathlib, torch\n"
        "from neurofm_bids.pretrain.anatomy.cache import load_anatomies\n"
        "from neurofm_bids.pretrain.synthesis.generator import generate_sample\n"
        "torch.set_num_threads(1)\n"
        "maps, cache, out = map(pathlib.Path, sys.argv[1:])\n"
        "torch.save(generate_sample(load_anatomies((maps,), cache), 1, 7).box, out / 'box.pt')\n"
    )
    subprocess.run([sys.executable, "-c", code, str(maps), str(cache), str(tmp_path)], check=True)
    assert torch.equal(sample.box, torch.load(tmp_path / "box.pt", weights_only=True))


def test_an_effect_changes_the_planted_region_and_not_the_person(anatomies):
    plain, planted = (
        generate_image(anatomies, 1, 3, step_mm=2, effect=effect) for effect in (None, {"thalamus": -2.0})
    )
    assert (planted.person.age_years, planted.person.cranium_ml) == (
        plain.person.age_years,
        plain.person.cranium_ml,
    )
    names = [region.name for region in REGIONS]
    before, after = (region_volumes_ml(image.shape) for image in (plain, planted))
    for side in ("left", "right"):
        index = names.index(f"{side}_thalamus")
        assert after[index] < 0.9 * before[index]
