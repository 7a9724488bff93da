import json
from pathlib import Path

from neurofm_bids.pretrain.evaluation.anatomy_report import write_anatomy_evaluation
from neurofm_bids.pretrain.settings import AnatomyEvaluation
from tests.pretrain.evaluation.segmented import segmented


def written(tmp_path, scans, failed):
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"weights")
    settings = AnatomyEvaluation(
        bids_dir=Path("BIDS"), out=tmp_path / "out", labels=Path("LABELS"), weights=weights
    )
    report = write_anatomy_evaluation(scans, failed, settings)
    return report.read_text(), settings.out


def test_the_files_have_every_structure_and_change_and_escape_text_from_data(tmp_path):
    known = [{"hippocampus": volume, "brain": 1000.0} for volume in (6.0, 7.0, 8.0)]
    scans = [
        segmented("sub-<script>", "<b>", known[0], {"hippocampus": 6.5}, repeats={"noise": {}}),
        *(segmented(f"sub-{n}", f"{n}", known[n], {"hippocampus": 6.5 + n}) for n in (1, 2)),
    ]
    text, out = written(tmp_path, scans, {"sub-3": "it <broke>"})
    assert "<script>" not in text
    assert "it &lt;broke&gt;" in text
    assert "hippocampus: segmented against labelled volume, 3 scans" in text
    assert "<tr><td>noise</td>" in text
    assert "thalamus: segmented" not in text  # it has no labels
    scores = json.loads((out / "evaluation.json").read_text())
    assert scores["Failed"] == {"sub-3": "it <broke>"}
    assert scores["Phases"] == 2
    assert scores["structures"]["hippocampus"]["n"] == 3
    head, *rows = (line.split("\t") for line in (out / "evaluation.tsv").read_text().splitlines())
    assert len(rows) == 4 * 16  # one scan has a change
    changed = [dict(zip(head, row, strict=True)) for row in rows if "noise" in row]
    assert {(row["known_ml"], row["volume_ml"]) for row in changed} == {("n/a", "5")}


def test_scans_without_labels_or_repeats_are_stated(tmp_path):
    text, _ = written(tmp_path, [segmented("sub-1", "1")], {})
    assert "No scan has labels." in text
    assert "<code>--stability</code> was not used" in text
