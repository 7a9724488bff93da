import json

from neurofm_bids.config import Processing
from neurofm_bids.pretrain.evaluation.report import write_evaluation
from tests.pretrain.evaluation.scans import scan


def test_the_files_escape_text_from_data(tmp_path):
    scans = [scan("sub-<script>", "<b>", 20.0, 24.0), scan("sub-2", "2", 60.0, 50.0)]
    report = write_evaluation(scans, {"sub-3": "it <broke>"}, tmp_path, Processing(model="m", views=1), "0")
    text = report.read_text()
    assert "<script>" not in text
    assert "it &lt;broke&gt;" in text
    assert "n/a" in (tmp_path / "evaluation.tsv").read_text()
    assert json.loads((tmp_path / "evaluation.json").read_text())["Failed"] == {"sub-3": "it <broke>"}


def test_targets_without_known_values_are_named(tmp_path):
    scans = [scan("sub-1", "1", 20.0, 24.0), scan("sub-2", "2", 60.0, 50.0)]
    text = write_evaluation(scans, {}, tmp_path, Processing(model="m"), "0").read_text()
    assert text.count("Not known for any scan.") == 2  # both volumes
    assert "8 averaged passes per scan" in text
