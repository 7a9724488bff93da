"""The Python examples of the tutorials on cohorts run as they stand, and give the numbers of the pages."""

import re
from contextlib import chdir

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from neurofm_bids.analysis.settings import read_settings
from neurofm_bids.bids.discovery import find_scans
from neurofm_bids.cli.options import parse
from neurofm_bids.geometry import voxel_volume_mm3
from tests.documentation import ROOT, blocks

LONGITUDINAL = ROOT / "docs" / "tutorial-longitudinal.md"


def run(text, folder):
    names = {}
    with chdir(folder):
        exec(compile(text, LONGITUDINAL.name, "exec"), names)
    return names


def numbers(text):
    return [float(number.replace(",", "")) for number in re.findall(r"-?\d[\d,]*\.?\d*(?:e-\d+)?", text)]


def row(name):
    """Return the cells of the row of a table of the page."""
    [line] = [one for one in LONGITUDINAL.read_text("utf-8").splitlines() if one.startswith(f"| `{name}` |")]
    return [cell.strip() for cell in line.strip("| ").split(" | ")][1:]


def test_sessions_are_a_dataset_whose_volumes_shrink_as_described(tmp_path):
    anat = tmp_path / "demo" / "sub-01" / "anat"
    anat.mkdir(parents=True)
    head = nib.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.diag([-1.0, 0.9, 1.1, 1.0]))
    head.to_filename(anat / "sub-01_T1w.nii.gz")
    run(blocks(LONGITUDINAL, "python")[0], tmp_path)
    scans = find_scans(parse([str(tmp_path / "sessions"), str(tmp_path / "out"), "participant"])).scans
    assert [dict(scan.entities)["ses"] for scan in scans] == ["baseline", "retest", "year1", "year2"]
    images = [nib.load(scan.path) for scan in scans]
    shares = [voxel_volume_mm3(image.affine) / voxel_volume_mm3(head.affine) for image in images]
    assert shares == pytest.approx([1, 1, 0.99, 0.98])
    assert all(np.array_equal(image.dataobj, head.dataobj) for image in images)
    times = pd.read_csv(tmp_path / "sessions" / "sub-01" / "sub-01_sessions.tsv", sep="\t")["acq_time"]
    assert pd.to_datetime(times).diff().dt.days.tolist()[1:] == [7, 358, 365]


def test_a_cohort_with_retests(tmp_path):
    found = run(blocks(LONGITUDINAL, "python")[1], tmp_path)
    changes, models = found["changes"], found["models"].set_index("term")
    assert set(changes["error_source"]) == {"retest"}
    assert changes["error_sd"].to_numpy() == pytest.approx(49.5, abs=0.05)
    groups = np.where(found["case"], "case", "control")
    decreases = changes["reliable_change"].eq("decrease").groupby(groups).sum()
    assert decreases.to_dict() == {"case": 8, "control": 0}
    for term in ("years", "years:group[control]", "chronological_age_years_at_first_scan", "group[control]"):
        cells = row(term)
        estimate = models.loc[term]
        expected = [estimate["estimate"], estimate["lower95"], estimate["upper95"]]
        assert numbers(cells[0])[:1] + numbers(cells[0].partition("(")[2]) == pytest.approx(
            expected, abs=0.06
        )
        assert float(cells[1]) == pytest.approx(estimate["p"], rel=0.05)


def test_the_change_per_cent_of_the_table_is_that_of_its_values():
    for name in ("brain_mm3", "cerebral_cortex_mm3", "left_hippocampus_mm3", "predicted_brain_volume_mm3"):
        first, change, per_cent, *_ = row(name)
        share = 100 * numbers(change)[0] / numbers(first)[0]
        assert float(per_cent) == pytest.approx(share, abs=0.006)


def test_tables_and_settings_of_the_tutorial_of_a_cohort(tmp_path, capsys):
    page = ROOT / "docs" / "tutorial-group.md"
    (tmp_path / "out").mkdir()
    table = pd.DataFrame({"quality": ["ok", "check", "ok"], "ventricles_mm3": [1.0, 50.0, 3.0]})
    for name in ("quality", "morphometry"):
        table.to_parquet(tmp_path / "out" / f"group_desc-openS_{name}.parquet")
    run(blocks(page, "python")[0], tmp_path)
    assert capsys.readouterr().out == "2 2.0\n"
    (tmp_path / "group.toml").write_text(blocks(page, "toml")[0])
    settings = read_settings(tmp_path / "group.toml")
    assert settings.age_gap.controls == ("group=control",)
    assert settings.clusters is not None
