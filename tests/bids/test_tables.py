"""Tables as people, R, pandas and spreadsheets write them."""

import io
import os
from collections import Counter

import pandas as pd
import pytest

from neurofm_bids.bids.tables import ByLabel, read_table

PLAIN = "participant_id\tage\tnote\nsub-01\t30\ta b\nsub-02\t40\t\n"
KEYS = ("participant_id", "session_id")


def read(folder, content, *keys):
    path = folder / "participants.tsv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, *keys or KEYS, sessions=lambda _: Counter({"1": 1, "2": 1}))


def separated(by):
    return PLAIN.replace("\t", by)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(PLAIN, id="tabs"),
        pytest.param(separated(","), id="commas"),
        pytest.param(separated(";"), id="semicolons"),
        pytest.param("\ufeff" + PLAIN, id="byte-order mark"),
        pytest.param(PLAIN.encode("utf-16"), id="UTF-16"),
        pytest.param(b"\xfe\xff" + PLAIN.encode("utf-16-be"), id="UTF-16, big endian"),
        pytest.param(PLAIN.replace("\n", "\r\n"), id="Windows"),
        pytest.param(PLAIN.replace("\n", "\r"), id="old Mac"),
        pytest.param("\n" + PLAIN.replace("\n", "\n\n\t\n"), id="empty lines"),
        pytest.param(PLAIN.replace("\n", "\t\n"), id="a tab at the end of each line"),
        pytest.param(PLAIN.replace("\t\n", "\n"), id="a short line"),
        pytest.param(PLAIN.replace("participant_id", "Participant_ID"), id="upper case"),
        pytest.param(PLAIN.replace("sub-", ""), id="labels without prefix"),
        pytest.param(PLAIN.replace("30", " 30 "), id="white space"),
        pytest.param(
            '"participant_id"\t"age"\t"note"\n"1"\t"sub-01"\t30\t"a b"\n"2"\t"sub-02"\t40\tNA\n',
            id="R, table",
        ),
        pytest.param(
            '"","participant_id","age","note"\n"1","sub-01",30,"a b"\n"2","sub-02",40,NA\n', id="R, csv"
        ),
        pytest.param('"participant_id" "age" "note"\n"sub-01" 30 "a b"\n"sub-02"  40 NA\n', id="R, blanks"),
        pytest.param(
            "\tparticipant_id\tage\tnote\n0\tsub-01\t30\ta b\n1\tsub-02\t40\tNaN\n", id="pandas, index"
        ),
        pytest.param(
            "participant_id\tparticipant_id\tage\tnote\nsub-01\t01\t30\ta b\nsub-02\tsub-02\t40\t\n",
            id="participant_id twice",
        ),
        pytest.param(PLAIN + "sub-02\tn/a\t\nsub-01\t30\ta b\n", id="rows twice"),
    ],
)
def test_one_table_in_many_writings(tmp_path, caplog, content):
    rows = read(tmp_path, content)
    assert list(rows) == [("01", ""), ("02", "")]
    assert rows["01", ""] == {"age": "30", "note": "a b"}
    assert rows["02", ""]["age"] == "40"
    assert rows["02", ""]["note"] in {"", "NA", "NaN"}
    assert caplog.text == ""


@pytest.mark.parametrize("separator", ["\t", ",", ";"])
@pytest.mark.parametrize("quoted", ['"Smith, J;\ta"', '"say ""x"" to"', '"two\nlines"', '5"', "O'Neil", '""'])
def test_quotation_marks_are_read_as_pandas_reads_them(tmp_path, separator, quoted):
    text = "participant_id\tnote\tage\nsub-01\t{}\t30\nsub-02\tx\t40\n".replace("\t", separator).format(
        quoted
    )
    oracle = pd.read_csv(io.StringIO(text), sep=separator, dtype=str, keep_default_na=False)
    rows = read(tmp_path, text)
    assert [row["note"] for row in rows.values()] == oracle["note"].tolist()
    assert [row["age"] for row in rows.values()] == ["30", "40"]


def test_quotation_marks_that_are_not_paired_stay(tmp_path):
    rows = read(tmp_path, 'participant_id\tnote\tage\nsub-01\t"a\t30\nsub-02\tb"\t40\nsub-03\t"c"\t50\n')
    assert [(row["note"], row["age"]) for row in rows.values()] == [('"a', "30"), ('b"', "40"), ("c", "50")]


@pytest.mark.parametrize("separator", ["\t", ",", ";"])
def test_an_unpaired_quotation_mark_does_not_swallow_lines(tmp_path, separator):
    text = 'participant_id,sex,age\nsub-01,"M,30\nsub-02,F",31\nsub-03,F,32\n'.replace(",", separator)
    ages = {key: row["age"] for key, row in read(tmp_path, text).items()}
    assert list(ages.values()) == ["30", "31", "32"]


@pytest.mark.parametrize(
    ("content", "left", "message"),
    [
        ("participant_id\tage\nsub-01\t30\nsub-02\t4\t0\n", ["01"], "line 3: more cells than columns"),
        ("participant_id age weight\nsub-01 30 70\nsub-02    60\n", ["01"], "line 3: fewer cells"),
        ("participant_id,age\n01,30\n02,34,5\n03,7\n04,1,1\n", ["01", "03"], "lines 3, 5: more cells"),
        ("participant_id\tage\n1\t34\tx\n2\t35\ty\n", [], "lines 2, 3: more cells than columns"),
        (
            "participant_id\tparticipant_id\tage\nsub-01\tsub-02\t30\nsub-03\t\t40\n",
            ["03"],
            "line 2: two columns for one label, which differ",
        ),
    ],
)
def test_lines_that_nobody_can_read_are_named(tmp_path, caplog, content, left, message):
    assert [subject for subject, _ in read(tmp_path, content)] == left
    assert f"participants.tsv, {message}" in caplog.text


@pytest.mark.parametrize(
    ("content", "age"),
    [
        ("participant_id\tage\nsub-01\t30\n01\t31\nsub-01\t30\n", "n/a"),
        ("participant_id\tage\tAge\nsub-01\t30\t31\n", "n/a"),
        ("participant_id\tage\tAge\nsub-01\tn/a\t30\n", "30"),
        ("participant_id\tage\nsub-01\tn/a\nsub-01\t30\n", "30"),
    ],
)
def test_where_rows_or_columns_differ_there_is_no_value(tmp_path, caplog, content, age):
    assert read(tmp_path, content)["01", ""] == {"age": age}
    said = "participants.tsv has several values of age for 01: none is used" in caplog.text
    assert said == (age == "n/a")


def test_many_differences_make_one_short_warning(tmp_path, caplog):
    rows = "".join(f"sub-{n}\t1\nsub-{n}\t2\n" for n in range(9))
    read(tmp_path, f"participant_id\tx\n{rows}")
    (record,) = caplog.records
    assert "of x for 0, 1, 2, 3, 4 and 4 more: none is used" in record.getMessage()


@pytest.mark.parametrize(
    ("content", "labels"),
    [
        ("participant_id\tsession_id\tx\nsub-01\tses-a\t1\nsub-01\tb\t2\n", [("01", "a"), ("01", "b")]),
        ("participant_id\tsession\tx\nsub-01\tses-a\t1\nsub-01\tses-b\t2\n", [("01", "a"), ("01", "b")]),
        (
            "participant_id\tses\tx\nsub-01\t1\t1\nsub-01\t2\t2\nsub-02\t1\t3\n",
            [("01", "1"), ("01", "2"), ("02", "1")],
        ),
        (
            "participant_id\tsession\tx\nsub-01\t2\t1\nsub-02\t3\t2\n",
            [("01", ""), ("02", "")],
        ),  # a number of them
        ("participant_id\tses\tx\nsub-01\t02\t1\nsub-02\tses-01\t2\n", [("01", "02"), ("02", "01")]),
        ("participant_id\tsession\tx\nsub-01\t02\t1\nsub-02\t03\t2\n", [("01", ""), ("02", "")]),
        ("participant_id\tsession_id\tx\nsub-01\tn/a\t1\nsub-02\tNA\t2\n", [("01", ""), ("02", "")]),
    ],
)
def test_rows_of_sessions(tmp_path, caplog, content, labels):
    assert list(read(tmp_path, content)) == labels
    assert caplog.text == ""


def test_bytes_that_are_not_utf_8_are_named(tmp_path, caplog):
    rows = read(tmp_path, "participant_id\tcity\nsub-01\tx\nsub-02\tKöln\n".encode("latin-1"))
    assert rows["02", ""]["city"] == "Köln"
    assert "participants.tsv, line 3: not UTF-8. The table is read as Windows-1252" in caplog.text


def pointer(text):
    return lambda path: path.write_text(text)


_UNFETCHED = (
    "participants.tsv cannot be read (the table has not been downloaded): its values are not used. Run: "
)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            pointer("id\tage\nsub-01\t3\n"),
            "has no column participant_id: its values are not used. Add the column.",
        ),
        (pointer(""), "cannot be read (the file is empty)"),
        (os.mkdir, "cannot be read (this is not a regular file)"),
        (os.mkfifo, "cannot be read (this is not a regular file)"),
        (lambda path: path.symlink_to("gone"), "cannot be read (the symbolic link is broken)"),
        (lambda path: path.symlink_to(".git/annex/objects/x"), f"{_UNFETCHED}datalad get {{}}"),
        (pointer("/annex/objects/MD5E-s9--0.tsv\n"), f"{_UNFETCHED}datalad get {{}}"),
        (pointer("version https://git-lfs.github.com/spec/v1\n"), f"{_UNFETCHED}git lfs pull --include"),
    ],
)
def test_tables_that_cannot_be_used_are_named(tmp_path, caplog, make, message):
    path = tmp_path / "participants.tsv"
    make(path)
    assert read_table(path, *KEYS) == {}
    (record,) = caplog.records
    assert message.format(path) in record.getMessage()


def test_no_table_is_no_problem(tmp_path, caplog):
    assert read_table(tmp_path / "x.tsv", *KEYS) == {}
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("table", "dataset", "label", "value"),
    [
        (["01"], ["01"], "01", "01"),
        (["1"], ["01"], "01", "1"),
        (["001", "2"], ["1", "02"], "1", "001"),
        (["CON007"], ["CON7"], "CON7", "CON007"),
        (["1", "001"], ["01"], "01", None),
        (["1"], ["01", "1"], "01", None),
        (["1"], ["01", "1"], "1", "1"),
        (["10"], ["1"], "1", None),
        (["a"], ["A"], "A", None),
    ],
)
def test_labels_match_without_zero_padding_where_that_is_unique(table, dataset, label, value):
    from neurofm_bids.bids.tables import unpadded

    known = ByLabel({name: name for name in table})
    assert known.get(label, Counter(map(unpadded, dataset))) == value
