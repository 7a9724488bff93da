import json

import pytest

from neurofm_bids.bids.dataset import check_output, is_output, write_dataset
from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.registry import model_spec
from neurofm_bids.named_path import NamedPath

LABELS = {0: "Unknown", 17: "Left-Hippocampus"}


def test_foreign_dataset_is_never_taken_over(tmp_path):
    (tmp_path / "dataset_description.json").write_text('{"GeneratedBy": [{"Name": "fMRIPrep"}]}')
    with pytest.raises(NeuroFMError, match="holds another dataset") as error:
        check_output(tmp_path)
    assert error.value.code is Exit.CANT_CREATE


def test_own_dataset_is_accepted(tmp_path):
    bids = tmp_path / "bids"
    bids.mkdir()
    out = tmp_path / "out"
    check_output(out)
    write_dataset(
        Derivatives(out, "openS"),
        bids,
        version="1",
        model=model_spec("open-s"),
        labels={17: "Left-Hippocampus"},
    )
    check_output(out)
    description = json.loads((out / "dataset_description.json").read_text())
    assert description["DatasetType"] == "derivative"
    assert description["GeneratedBy"][0]["Name"] == "NeuroFM-BIDS"
    assert model_spec("open-s").notice in (out / "README.md").read_text()
    ignored = (out / ".bidsignore").read_text().split()
    assert ignored == [
        "*_attribution.*",
        "*_centiles.*",
        "*_features.*",
        "*_morphometry.*",
        "*_predictions.*",
        "*_readouts.*",
        "*_regions.*",
        "*_xfm.*",
        "*.html",
        "*.pdf",
        "figures",
        "group_*",
        "interim",
        "readouts",
    ]
    table = (out / "descriptions.tsv").read_text()
    preproc = "Bias-corrected T1w on its own grid; the offset of the intensities is removed"
    assert f"desc-preproc\t{preproc}\n" in table
    assert [line.split("\t")[0] for line in table.splitlines()] == [
        "desc_id",
        "desc-brain",
        "desc-preproc",
        "desc-rigid",
        "desc-anatomy",
        "desc-openSAttribution",
        "desc-openS",
    ]


@pytest.mark.parametrize(
    ("raw", "sources"), [({}, None), ({"DatasetDOI": 5}, None), ({"DatasetDOI": "doi:1"}, [{"DOI": "doi:1"}])]
)
def test_the_source_dataset_is_named_where_its_doi_is_known(tmp_path, raw, sources):
    (tmp_path / "dataset_description.json").write_text(json.dumps(raw))
    out = Derivatives(tmp_path / "out", "openS")
    write_dataset(out, tmp_path, version="1", model=model_spec("open-s"), labels=LABELS)
    assert json.loads((out.out_dir / "dataset_description.json").read_text()).get("SourceDatasets") == sources


def test_the_codes_of_segmentations_are_named(tmp_path):
    (tmp_path / "out").mkdir()
    out = Derivatives(tmp_path / "out", "openS")
    write_dataset(out, tmp_path, version="1", model=model_spec("open-s"), labels=LABELS)
    table = (tmp_path / "out" / "desc-anatomy_dseg.tsv").read_text()
    assert table == "index\tname\n0\tUnknown\n17\tLeft-Hippocampus\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"GeneratedBy": [{"Name": "NeuroFM-BIDS"}]}', True),
        ('{"GeneratedBy": [{"Name": "x"}]}', False),
        ("{", False),
    ],
)
def test_outputs_are_known_by_their_description(tmp_path, text, expected):
    assert not is_output(tmp_path)
    (tmp_path / "dataset_description.json").write_text(text)
    assert is_output(tmp_path) is expected


def test_derivatives_are_linked_and_stay_linked(tmp_path):
    out = Derivatives(tmp_path / "out", "openS")
    for names in (["fmriprep"], ["fastsurfer"], []):
        given = [NamedPath(name, tmp_path / name) for name in names]
        write_dataset(
            out, tmp_path / "bids", version="1", model=model_spec("open-s"), labels=LABELS, derivatives=given
        )
    links = json.loads((out.out_dir / "dataset_description.json").read_text())["DatasetLinks"]
    assert links == {"raw": "../bids", "fmriprep": "../fmriprep", "fastsurfer": "../fastsurfer"}
