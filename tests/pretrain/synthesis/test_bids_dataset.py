import os
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import pytest

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.pretrain.settings import Synthesis
from neurofm_bids.pretrain.synthesis.bids_dataset import write_dataset
from neurofm_bids.pretrain.synthesis.generator import generate_image


@pytest.fixture(scope="module")
def dataset(maps, cache, tmp_path_factory):
    out = tmp_path_factory.mktemp("synthetic") / "dataset"
    write_dataset(Synthesis(maps=(maps,), n=1, out=out, cache=cache, seed=4))
    return out


def test_images_and_measured_volumes_are_written(dataset, anatomies):
    header, row = (line.split("\t") for line in (dataset / "participants.tsv").read_text().splitlines())
    assert header[:3] == ["participant_id", "age", "sex"]
    image = nib.load(dataset / "sub-000001" / "anat" / "sub-000001_T1w.nii.gz")
    assert image.shape == (256, 256, 256)
    synthetic = generate_image(anatomies, 4, 0, step_mm=1)
    brain_ml = synthetic.shape.volume_ml(synthetic.shape.brain)
    assert float(row[header.index("brain_volume_mm3")]) == pytest.approx(1000 * brain_ml, abs=1)


@pytest.mark.parametrize(
    ("seed", "existing", "message"),
    [(5, 1, "not written with these label maps and this seed"), (4, 2, "already holds 2 participants")],
)
def test_other_datasets_are_not_overwritten(dataset, maps, cache, tmp_path, seed, existing, message):
    out = shutil.copytree(dataset, tmp_path / "copy")
    (out / f"sub-{existing:06d}").mkdir(exist_ok=True)
    with pytest.raises(NeuroFMError, match=message) as error:
        write_dataset(Synthesis(maps=(maps,), n=1, out=out, cache=cache, seed=seed))
    assert error.value.code == Exit.CANT_CREATE


def test_a_file_is_no_output_folder(maps, cache, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NeuroFMError) as error:
        write_dataset(Synthesis(maps=(maps,), n=1, out=tmp_path / "file", cache=cache))
    assert error.value.code == Exit.CANT_CREATE


def test_the_dataset_is_valid_bids(dataset):
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    validator = shutil.which("bids-validator-deno", path=path)
    if validator is None:
        pytest.skip("bids-validator-deno is not installed")
    result = subprocess.run([validator, str(dataset), "--ignoreWarnings"], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
