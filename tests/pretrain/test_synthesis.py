"""Synthesis: maps, people, shapes, stripping and samples, on a small map made here."""

import os
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from torch.nn.functional import grid_sample

from neurofm_bids.cli.tools import main
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.preprocess.model_grid import GRID_AFFINE
from neurofm_bids.pretrain import appearance, cohort
from neurofm_bids.pretrain.anatomy import FIELDS, load_anatomies, prepare_anatomy
from neurofm_bids.pretrain.dice import Dice
from neurofm_bids.pretrain.samples import CELLS, SampleStore, Schedule, cell_means
from neurofm_bids.pretrain.sampling import Sampler
from neurofm_bids.pretrain.shape import make_shape, occupancy
from neurofm_bids.pretrain.stripping import STYLES, strip
from neurofm_bids.pretrain.synthesis import picture, synthesize
from neurofm_bids.pretrain.training import whole_lattice
from tests.toy_head import toy_labels


def person(**changes):
    usual = cohort.Person(40.0, "F", 1400.0, 1120.0, 20.0, 0.0, 0.1)
    return replace(usual, **changes)


def test_volumes_of_a_map_are_those_of_its_labels(anatomies):
    labels = toy_labels()
    anatomy = anatomies[0]
    ventricles = np.isin(labels, (4, 43, 31))
    tissue = (labels > 0) & ~ventricles & ~np.isin(labels, (24, 14))
    assert anatomy.lateral_ml == ventricles.sum() / 1000
    assert anatomy.brain_ml == tissue.sum() / 1000
    assert anatomy.cranium_ml > anatomy.brain_ml + anatomy.lateral_ml
    lateral = anatomy.fields[..., FIELDS.index("lateral")]
    assert (lateral > 0).sum() == ventricles.sum()


def test_a_ridge_runs_between_touching_banks(anatomies):
    fields = dict(zip(FIELDS, np.moveaxis(anatomies[0].fields, -1, 0), strict=True))
    cortex_inside = (fields["outer"] > 8) & (fields["core"] < 0)  # only the cut reaches so deep
    assert cortex_inside.sum() > 500
    near = fields["ridge"][cortex_inside]
    assert near.min() == 0.5
    assert np.median(near) <= 2.5
    assert fields["ridge"][(fields["core"] > 8) & (fields["lateral"] < -8)].min() > 4


def test_a_prepared_map_is_read_from_the_cache(maps, cache, anatomies):
    again = load_anatomies(maps, cache)
    assert [a.name for a in again] == ["one", "two"]
    assert np.array_equal(again[0].fields, anatomies[0].fields)
    assert np.array_equal(prepare_anatomy(maps / "one.nii.gz").fields, anatomies[0].fields)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda labels: (labels, np.diag([2, 2, 2, 1.0])), "voxels of 2x2x2 mm"),
        (lambda labels: (np.where(labels == 8, 0, np.where(labels == 16, 0, labels)), GRID_AFFINE), "lacks"),
    ],
)
def test_maps_that_cannot_be_used_are_refused(tmp_path, change, message):
    labels, affine = change(toy_labels())
    nib.save(nib.Nifti1Image(labels.astype(np.int16), affine), tmp_path / "map.nii.gz")
    with pytest.raises(NeuroFMError, match=message):
        prepare_anatomy(tmp_path / "map.nii.gz")


def test_a_folder_without_maps_and_a_damaged_map_are_refused(tmp_path):
    with pytest.raises(NeuroFMError, match="no label maps"):
        load_anatomies(tmp_path, tmp_path / "cache")
    (tmp_path / "map.nii.gz").write_bytes(b"no image")
    with pytest.raises(NeuroFMError, match="cannot be read"):
        load_anatomies(tmp_path, tmp_path / "cache")


def test_the_cohort_follows_its_sources():
    people = [cohort.draw_person(Dice((5, n))) for n in range(4000)]
    cohort_only = [p for p in people if p.age_years is not None]
    assert len(cohort_only) / len(people) == pytest.approx(0.7, abs=0.03)
    for low in (20, 45, 75):
        some = [p for p in cohort_only if low <= p.age_years < low + 10]
        fractions = [p.brain_ml / p.cranium_ml - cohort.expected_tissue_fraction(p.age_years) for p in some]
        ratios = [np.log(p.lateral_ml / cohort.expected_lateral_ml(p.age_years, p.cranium_ml)) for p in some]
        assert np.mean(fractions) == pytest.approx(0, abs=0.004)
        assert np.mean(ratios) == pytest.approx(0, abs=0.08)
    men = np.mean([p.cranium_ml for p in cohort_only if p.sex == "M"])
    women = np.mean([p.cranium_ml for p in cohort_only if p.sex == "F"])
    assert men - women == pytest.approx(160, abs=15)


@pytest.mark.parametrize(("brain", "lateral"), [(1120.0, 20.0), (1000.0, 60.0), (1160.0, 6.0)])
def test_a_shape_has_the_volumes_that_were_wanted(anatomies, brain, lateral):
    wanted = person(brain_ml=brain, lateral_ml=lateral)
    shape = make_shape(anatomies[0], wanted, Dice((1, 2)))
    assert shape.volume_ml(shape.brain) == pytest.approx(brain, rel=0.005)
    assert shape.volume_ml(shape.ventricles) == pytest.approx(lateral, rel=0.01)
    assert float((shape.brain + shape.ventricles).max()) <= 1


def test_occupancy_measures_a_ball_on_the_lattice():
    places = torch.stack(torch.meshgrid(*[torch.arange(-30.0, 31, 2)] * 3, indexing="ij")) + 0.7
    inside = occupancy(20 - places.square().sum(0).sqrt(), 2)
    assert float(inside.sum()) * 8 == pytest.approx(4 / 3 * np.pi * 20**3, rel=0.003)


def test_styles_of_stripping_keep_less_and_less(anatomies):
    shape = make_shape(anatomies[0], person(), Dice((1, 3)))
    kept = {
        style: np.mean([float(strip(shape, Dice((n, 4)), style)[0].sum()) for n in range(8)])
        for style in STYLES
    }
    assert kept["ragged"] > kept["cranium"] > kept["tight"] > kept["tissue"]


def test_a_sample_is_standardised_and_cut_to_what_is_there(anatomies):
    sample = synthesize(anatomies, 1, 1)
    item = SampleStore(anatomies, Schedule(1, round_size=1), range(1), None)[0]
    background = torch.tensor(sample.background)
    lattice = whole_lattice(replace(item, box=sample.box, start=sample.start, background=background))
    assert float(lattice.mean()) == pytest.approx(0, abs=1e-4)
    assert float(lattice.std()) == pytest.approx(1, abs=1e-4)
    for axis in range(3):  # nothing is left to cut off
        for plane in (0, -1):
            assert (sample.box.select(axis, plane) - sample.background).abs().max() > 1e-6


def test_samples_depend_on_seed_and_index_only(anatomies, maps, cache):
    first = synthesize(anatomies, 1, 7)
    synthesize(anatomies, 1, 8)
    code = (
        "import sys, pathlib, hashlib, torch\n"
        "from neurofm_bids.pretrain.anatomy import load_anatomies\n"
        "from neurofm_bids.pretrain.synthesis import synthesize\n"
        "torch.set_num_threads(1)\n"
        "found = synthesize(load_anatomies(*map(pathlib.Path, sys.argv[1:])), 1, 7)\n"
        "torch.save(found.box, pathlib.Path(sys.argv[2]) / 'box.pt')\n"
    )
    subprocess.run([sys.executable, "-c", code, str(maps), str(cache)], check=True)
    other = torch.load(cache / "box.pt", weights_only=True)
    (cache / "box.pt").unlink()
    assert torch.equal(first.box, other)
    assert synthesize(anatomies, 1, 8).brain_ml != first.brain_ml


@pytest.mark.parametrize("cells", CELLS)
def test_cells_hold_all_of_the_brain(anatomies, cells):
    sample = synthesize(anatomies, 1, 2)
    found = cell_means(sample.fractions, sample.fractions_start, cells)
    assert found.shape == (3, cells, cells, cells)
    millilitres = found.double().sum(dim=(1, 2, 3)) * (256 / cells) ** 3 / 1000
    assert float(millilitres[0]) == pytest.approx(sample.brain_ml, rel=1e-4)
    assert float(millilitres[1]) == pytest.approx(sample.lateral_ml, rel=1e-4)


def test_each_sample_is_shown_as_often_as_asked():
    schedule = Schedule(3, passes=3, round_size=10)
    shown = [schedule.sample(place) for place in range(60)]
    assert sorted(shown[:30]) == sorted(list(range(10)) * 3)
    assert sorted(shown[:10]) == list(range(10))
    assert shown[:10] != shown[10:20]
    assert set(shown[30:]) == set(range(10, 20))


def test_reading_at_points_is_linear_interpolation():
    generator = torch.Generator().manual_seed(0)
    volume = torch.rand((7, 6, 9, 3), generator=generator)
    shape = torch.tensor(volume.shape[:3])[:, None, None, None]
    points = torch.rand((3, 4, 5, 6), generator=generator) * (shape + 2) - 1.5  # some outside
    grid = (2 * points / (shape - 1) - 1).flip(0).movedim(0, -1)[None]
    wanted = grid_sample(volume.movedim(-1, 0)[None], grid, padding_mode="border", align_corners=True)[0]
    sampler = Sampler(points, volume.shape[:3])
    assert torch.allclose(sampler.read(volume), wanted, atol=4e-3)  # faces are read 0.001 voxels inside
    codes = torch.randint(0, 3, volume.shape[:3], generator=generator, dtype=torch.uint8)
    values = torch.tensor([0.5, 2.0, -1.0])
    coded = sampler.read(values[codes.int()][..., None])[0]
    assert torch.allclose(sampler.read_coded(codes, values), coded, atol=1e-6)


def test_a_stored_map_travels_to_other_processes_by_its_place(anatomies):
    data = pickle.dumps(anatomies[0])
    assert len(data) < 2000
    assert np.array_equal(pickle.loads(data).fields, anatomies[0].fields)


def test_lesions_come_with_age():
    loads = [cohort.expected_lesion_load(age) for age in (25, 50, 70, 90)]
    assert loads == sorted(loads)
    assert loads[0] < 0.05
    assert loads[-1] > 0.5


def test_volumes_are_a_dataset_with_measured_targets(maps, tmp_path, anatomies):
    out = tmp_path / "volumes"
    command = ["pretrain", "synthesize", str(out), "--maps", str(maps), "--n", "2", "--seed", "4"]
    assert main(command) == 0
    rows = (out / "participants.tsv").read_text().splitlines()
    assert rows[0].split("\t")[:3] == ["participant_id", "age", "sex"]
    assert len(rows) == 3
    image = nib.load(out / "sub-000001" / "anat" / "sub-000001_T1w.nii.gz")
    assert image.shape == (256, 256, 256)
    drawn = picture(anatomies, 4, 0, step_mm=1)
    assert float(rows[1].split("\t")[3]) == pytest.approx(
        1000 * drawn.shape.volume_ml(drawn.shape.brain), abs=1
    )
    assert main([*command[:-1], "5"]) == 73  # another seed
    assert main([c if c != "2" else "1" for c in command]) == 73  # fewer people
    (tmp_path / "file").touch()
    assert main(["pretrain", "synthesize", str(tmp_path / "file"), "--maps", str(maps), "--n", "1"]) == 73
    validator = shutil.which(
        "bids-validator-deno", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    )
    if validator is None:
        pytest.skip("bids-validator-deno is not installed")
    done = subprocess.run([validator, str(out), "--ignoreWarnings"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def flat_image(value=1.0):
    image = torch.zeros(32, 36, 40)
    image[8:24, 8:28, 8:32] = value
    return image


def high_frequencies(image, axis):
    spectrum = torch.fft.rfft(image, dim=axis).abs()
    return float(spectrum.narrow(axis, spectrum.shape[axis] - 3, 3).sum())


def test_ringing_cuts_high_frequencies_along_one_axis():
    image = flat_image()
    rung = [appearance._ring(image, Dice((n,))) for n in range(8)]
    cut = {axis for r in rung for axis in range(3) if high_frequencies(r, axis) < 1e-2}
    assert cut == {0, 1, 2}
    assert min(float(r.min()) for r in rung) < -0.01  # ripples beside the edge


def test_blur_keeps_the_sum_and_smooths_along_its_axis_only():
    image = flat_image()
    blurred = appearance._blur(image, [0.0, 1.5, 0.0])
    assert float(blurred.sum()) == pytest.approx(float(image.sum()), rel=1e-4)
    assert torch.allclose(blurred[:, 18], image[:, 18], atol=1e-3)
    assert 0 < float(blurred[16, 6, 20]) < 1


def test_ghosts_are_copies_elsewhere_and_drop_out_darkens_a_ball():
    image = flat_image()
    ghosted = appearance._ghost(image, Dice((1,)))
    assert float((ghosted - image).abs()[image == 0].max()) > 0.01
    ratio = appearance._drop_out(torch.ones_like(image), Dice((2,)), 2)
    assert float(ratio.min()) < 0.85
    assert float(ratio.max()) > 0.99


def test_noise_is_rician(monkeypatch):
    monkeypatch.setattr(Dice, "chance", lambda self, p: p == 0.85)  # noise and nothing else by chance
    found = appearance.acquire(torch.zeros(24, 24, 24), Dice((3,)))
    assert float(found.min()) >= 0
    sd = float(found.pow(2).mean().sqrt()) / np.sqrt(2)
    assert float(found.mean()) == pytest.approx(sd * np.sqrt(np.pi / 2), rel=0.03)


def test_the_hidden_csf_darkens_tissue_without_changing_the_target(anatomies):
    who = person()
    shape = make_shape(anatomies[0], who, Dice((6, 6)))
    image = appearance.paint(shape, anatomies[0], who, Dice((6, 7)))
    cortex = (shape.brain > 0.95) & (shape.core < -0.5) & (shape.outer > 2)
    near, far = cortex & (shape.ridge < 1), cortex & (shape.ridge > 2.5)
    assert near.sum() > 20
    assert float(image[near].mean()) < 0.97 * float(image[far].mean())
