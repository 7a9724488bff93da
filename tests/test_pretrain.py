"""Pretraining: maps, people, samples, losses and training, on a small map made here."""

import json
import subprocess
import sys
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
import torch

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.model.architecture import ARCHITECTURES
from neurofm_bids.model.fast import FastNetwork
from neurofm_bids.model.network import NeuroFMNet
from neurofm_bids.model.weights import load_model
from neurofm_bids.preprocess.grid import GRID_AFFINE
from neurofm_bids.pretrain import cohort
from neurofm_bids.pretrain.anatomy import FIELDS, load_anatomies, prepare_anatomy
from neurofm_bids.pretrain.checkpoint import read_checkpoint
from neurofm_bids.pretrain.dice import Dice
from neurofm_bids.pretrain.losses import Teacher
from neurofm_bids.pretrain.recipe import SMOKE, Recipe
from neurofm_bids.pretrain.runs import train
from neurofm_bids.pretrain.samples import CELLS, SampleStore, Schedule, cell_means
from neurofm_bids.pretrain.shape import make_shape, occupancy
from neurofm_bids.pretrain.stripping import STYLES, strip
from neurofm_bids.pretrain.synthesis import picture, synthesize
from neurofm_bids.pretrain.training import Training, whole_lattice
from neurofm_bids.tools import main

SHAPE = (96, 92, 112)


def ball(centre, radii):
    places = np.indices(SHAPE).astype(float)
    return sum(((places[a] - centre[a]) / radii[a]) ** 2 for a in range(3)) <= 1


def toy_labels():
    """Draw a head of ellipsoids with a cut in its cortex, FreeSurfer codes, LIA."""
    labels = np.zeros(SHAPE, dtype=np.int16)
    middle = np.array(SHAPE) / 2

    def beside(*offset):
        return middle + np.array(offset)

    labels[ball(middle, (44, 42, 52))] = 24
    left = np.indices(SHAPE)[0] >= middle[0]
    for radii, codes in (((40, 36, 48), (42, 3)), ((34, 30, 42), (41, 2)), ((9, 9, 18), (43, 4))):
        inside = ball(beside(0, -4, 0), radii)
        labels[inside] = np.where(left, codes[1], codes[0])[inside]
    sulcus = ball(beside(0, -4, -30), (3, 40, 40)) & np.isin(labels, (2, 41))
    labels[sulcus] = np.where(left, 3, 42)[sulcus]  # two banks that touch
    labels[ball(beside(0, 26, -18), (24, 12, 18))] = 8
    labels[ball(beside(0, 22, 8), (7, 16, 7))] = 16
    labels[ball(beside(0, 8, 4), (2, 4, 6))] = 14
    labels[ball(beside(11, 6, 0), (6, 6, 9))] = 10
    labels[ball(beside(5, -4, -8), (2, 2, 4))] = 31
    return labels


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    for name in ("one", "two"):
        nib.save(nib.Nifti1Image(toy_labels(), GRID_AFFINE), folder / f"{name}.nii.gz")
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("prepared")


@pytest.fixture(scope="module")
def anatomies(maps, cache):
    return load_anatomies(maps, cache)


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


def test_a_sample_is_standardised_and_aligned(anatomies):
    sample = synthesize(anatomies, 1, 1)
    item = SampleStore(anatomies, Schedule(1, round_size=1), range(1), None)[0]
    background = torch.tensor(sample.background)
    lattice = whole_lattice(replace(item, box=sample.box, start=sample.start, background=background))
    assert float(lattice.mean()) == pytest.approx(0, abs=1e-4)
    assert float(lattice.std()) == pytest.approx(1, abs=1e-4)
    assert all(s % 4 == 0 for s in sample.start)
    assert all(n % 4 == 0 for n in sample.box.shape)


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
    found = cell_means(sample.fractions, sample.start, cells)
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


def store(anatomies):
    return SampleStore(anatomies, Schedule(1, round_size=8), range(8), None)


def test_the_exact_crop_gives_what_the_whole_lattice_gives(anatomies):
    network = load_model("open-s").network
    fast = FastNetwork(network, differentiable=True)
    for number in (0, 1):
        item = store(anatomies)[number]
        with torch.no_grad():
            whole = network.forward_lattice(whole_lattice(item)[None, None])
            crop = fast(item.box[None], item.start, item.background[None])
        assert torch.allclose(crop.latent, whole.latent, atol=1e-5, rtol=1e-5)


def test_gradients_of_the_exact_crop_are_those_of_the_whole_lattice(anatomies):
    torch.manual_seed(0)
    network = NeuroFMNet(ARCHITECTURES["s"]).eval()
    item = store(anatomies)[0]
    network.forward_lattice(whole_lattice(item)[None, None]).latent.square().sum().backward()
    whole = [p.grad.clone() for p in network.blocks.parameters()]
    network.zero_grad()
    fast = FastNetwork(network, differentiable=True)
    fast(item.box[None], item.start, item.background[None]).latent.square().sum().backward()
    for one, two in zip(whole, (p.grad for p in network.blocks.parameters()), strict=True):
        assert torch.allclose(one, two, atol=1e-6 + 1e-3 * float(one.abs().max()))


@pytest.mark.parametrize("variant", ["s", "m", "l"])
def test_every_variant_learns_from_an_item(anatomies, variant):
    torch.manual_seed(0)
    teacher = Teacher(ARCHITECTURES[variant])
    teacher.network.eval()
    loss = teacher(store(anatomies)[0], 1.0)
    loss.backward()
    missing = [n for n, p in teacher.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not missing


def test_training_lowers_the_loss_of_what_it_sees(anatomies):
    items = [store(anatomies)[n] for n in range(2)]
    training = Training(replace(Recipe(), steps=30, warmup=2), torch.device("cpu"))
    training.calibrate(items)
    losses = [training.step(items) for _ in range(12)]
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])


def test_training_goes_on_to_the_step(maps, cache, tmp_path):
    recipe = Recipe(**{**SMOKE, "held_out": ("two",), "passes": 2})
    whole = train(recipe, maps, tmp_path / "whole", cache=cache, workers=0, every=1)
    train(recipe, maps, tmp_path / "parts", cache=cache, workers=0, every=1, stop_after=0)
    _, about = read_checkpoint(tmp_path / "parts" / "checkpoint.safetensors")
    assert about["step"] == 1
    parts = train(recipe, maps, tmp_path / "parts", cache=cache, workers=0, every=1)
    assert parts.read_bytes() == whole.read_bytes()
    rows = [json.loads(row) for row in (tmp_path / "parts" / "training.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert "brain_mae" in rows[-1]


def test_training_refuses_another_recipe_and_no_maps(maps, cache, tmp_path):
    recipe = Recipe(**{**SMOKE, "held_out": ("two",)})
    train(recipe, maps, tmp_path / "out", cache=cache, workers=0, every=1, stop_after=0)
    with pytest.raises(NeuroFMError, match="another recipe"):
        train(replace(recipe, rate=1.0), maps, tmp_path / "out", cache=cache, workers=0)
    with pytest.raises(NeuroFMError, match="held out"):
        train(replace(recipe, held_out=("one", "two")), maps, tmp_path / "new", cache=cache, workers=0)


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
    assert main([*command[:-1], "5"]) == 73
