import pytest

from neurofm_bids.bids.sheets import is_known, label_of, read_sheet
from neurofm_bids.errors import NeuroFMError


def test_a_sheet_has_its_cells_by_column_and_the_numbers_of_its_lines(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("Session_ID,age,Age\n\nses-a,30,\nb,31,32\n")
    sheet = read_sheet(path, "session_id")
    assert (sheet.name, sheet.columns) == ("x.csv", ["session_id", "age", "age"])
    assert sheet.lines == [(3, ["ses-a", "30", ""]), (4, ["b", "31", "32"])]
    assert (sheet.has("age"), sheet.has("sex")) == (True, False)
    assert sheet.cells("age") == [["30", ""], ["31", "32"]]
    assert sheet.labels("session_id", "session_id") == [{"a"}, {"b"}]


def test_comments_before_the_names_of_columns_keep_the_numbers_of_lines(tmp_path):
    path = tmp_path / "x.tsv"
    path.write_text("# pilot\n\t# site A\nsession_id\tage\nses-a\t30\n#ses-b\t31\n")
    sheet = read_sheet(path, "session_id")
    assert sheet.columns == ["session_id", "age"]
    assert sheet.lines == [(4, ["ses-a", "30"]), (5, ["#ses-b", "31"])]


def test_a_sheet_needs_its_key(tmp_path):
    (tmp_path / "x.tsv").write_text("id\tage\n1\t2\n")
    with pytest.raises(NeuroFMError, match="has no column participant_id"):
        read_sheet(tmp_path / "x.tsv", "participant_id")


@pytest.mark.parametrize("text", ["", "n/a", "NA", "NaN", "<NA>", "#N/A"])
def test_what_is_not_known_is_no_label(text):
    assert not is_known(text)
    assert label_of("participant_id", text) == ""
