import os

import pytest

from neurofm_bids.bids.labels import check_sessions, find_participants, parse_labels, unknown_participants
from neurofm_bids.errors import Exit, NeuroFMError

FLAG = "--participant-label"


@pytest.mark.parametrize(
    ("name", "content", "labels"),
    [
        ("labels.txt", "sub-01\n02\n\n", ("01", "02")),
        ("labels.txt", "\ufeff01 sub-02\r\n03", ("01", "02", "03")),
        ("labels.txt", "01, 02,03", ("01", "02", "03")),
        ("participants.tsv", "participant_id\tage\nsub-01\t30\nsub-02\t41\n", ("01", "02")),
        ("participants.tsv", "participant_id\nsub-01\n", ("01",)),
        ("participants.csv", '"participant_id","age"\n"sub-01","30"\n', ("01",)),
        ("later.tsv", "\n\nparticipant_id\tage\nsub-01\t30\n", ("01",)),
        ("both.tsv", "session_id\tparticipant_id\nses-a\tsub-01\nses-a\tsub-02\n", ("01", "02")),
        ("r.tsv", '"participant_id"\t"age"\n"1"\t"sub-05"\t30\n"2"\t"sub-09"\t31\n', ("05", "09")),
        ("index.tsv", '""\t"participant_id"\n"1"\t"sub-05"\n', ("05",)),
        ("blanks.txt", "participant_id age\nsub-01 30\nn/a 3\n", ("01",)),
        ("second.tsv", "age\tparticipant_id\n30\tsub-05\n", ("05",)),
        ("comments.txt", "# site A\n01 02\n  # dropped: 04\n#05\n03\n", ("01", "02", "03")),
        ("comments.tsv", "# pilot\n#\nparticipant_id\tage\nsub-01\t3\n#sub-02\t4\nsub-03\t5\n", ("01", "03")),
        ("comments.csv", '"participant_id","age"\n"#sub-01","30"\n"sub-02","30"\n', ("02",)),
        ("plain.tsv", "sub-01\t30\nsub-02\t\n", ("01", "02")),
    ],
)
def test_labels_from_a_file(tmp_path, name, content, labels):
    for written in (content.encode(), content.removeprefix("\ufeff").encode("utf-16")):
        (tmp_path / name).write_bytes(written)
        assert parse_labels([str(tmp_path / name)], FLAG) == labels
        assert parse_labels(["sub-x", str(tmp_path / name), "x"], FLAG) == ("x", *labels)


def test_sessions_come_from_the_column_of_sessions(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_text("participant_id\tsession_id\nsub-01\tses-a\nsub-02\tses-b\nsub-02\tses-a\n")
    assert parse_labels([str(path)], "--session-label") == ("a", "b")
    assert parse_labels([str(path)], FLAG) == ("01", "02")


@pytest.mark.parametrize(
    ("flag", "has", "lacks"),
    [(FLAG, "session_id", "participant_id"), ("--session-label", "participant_id", "session_id")],
)
def test_labels_of_participants_are_never_taken_for_sessions(tmp_path, flag, has, lacks):
    path = tmp_path / "table.tsv"
    path.write_text(f"{has}\tage\n01\t30\n")
    with pytest.raises(NeuroFMError, match=f"the table has no column {lacks}") as error:
        parse_labels([str(path)], flag)
    assert (error.value.code, error.value.fix) == (Exit.USAGE, f"Use another file for {flag}.")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file contains no labels"),
        (b"\n \n", "the file contains no labels"),
        (b"# 01\n# 02\n", "the file contains no labels"),
        (b"participant_id\tage\n", "the file contains no labels"),
        (b"\xff\xfe", "the file contains no labels"),
        (b"01\nsub-\n", "a label of --participant-label is empty"),
        (b"/annex/objects/MD5E-s9--0.txt\n", "the label file has not been downloaded"),
    ],
)
def test_a_file_of_labels_never_stands_for_everybody(tmp_path, content, message):
    (tmp_path / "labels.txt").write_bytes(content)
    with pytest.raises(NeuroFMError, match=message) as error:
        parse_labels([str(tmp_path / "labels.txt")], FLAG)
    assert error.value.code is Exit.USAGE


def test_a_link_to_a_file_of_labels_that_is_not_there_says_how_to_fetch_it(tmp_path):
    path = tmp_path / "labels.txt"
    path.symlink_to(".git/annex/objects/x")
    with pytest.raises(NeuroFMError, match="the label file has not been downloaded") as error:
        parse_labels([str(path)], FLAG)
    assert (error.value.code, error.value.fix) == (Exit.USAGE, f"Run: datalad get {path}")


def test_a_file_of_labels_that_is_too_long_is_no_label(tmp_path):
    path = tmp_path / "labels.txt"
    path.touch()
    os.truncate(path, 2**28 + 1)
    with pytest.raises(NeuroFMError, match="the label file cannot be read \\(File too large\\)") as error:
        parse_labels([str(path)], FLAG)
    assert error.value.code is Exit.USAGE


@pytest.mark.parametrize(
    ("flag", "value"), [*((FLAG, text) for text in ("", " ", "sub-", "\r")), ("--session-label", "ses-")]
)
def test_an_empty_label_is_a_usage_error(flag, value):
    with pytest.raises(NeuroFMError, match=f"a label of {flag} is empty") as error:
        parse_labels(["01", value], flag)
    assert error.value.code is Exit.USAGE


@pytest.mark.parametrize(
    ("flag", "labels"),
    [
        (FLAG, ("01", "ses-01", "SUB-01", "sub-01")),
        ("--session-label", ("sub-01", "01", "SUB-01", "sub-sub-01")),
    ],
)
def test_only_the_prefix_of_the_option_is_removed(tmp_path, flag, labels):
    values = ["sub-01", "ses-01", "SUB-01", "sub-sub-01"]
    assert parse_labels(values, flag) == labels
    (tmp_path / "labels.txt").write_text("\n".join(values))
    assert parse_labels([str(tmp_path / "labels.txt")], flag) == labels


def test_white_space_around_a_label_does_not_count():
    assert parse_labels(["sub-01\r", " 02"], FLAG) == ("01", "02")


@pytest.mark.parametrize("value", ["l" * 5000, "..", "a\0b"])
def test_labels_that_are_no_file_names(value):
    assert parse_labels([value], FLAG) == (value,)


_WORDS = "separate labels by blanks, each a word of its own: no quotation marks around several"


@pytest.mark.parametrize(
    ("labels", "what"),
    [
        (("01", "99"), "no such participant: 99"),
        (("1",), "no such participant: 1 (did you mean sub-01?)"),
        (("con7",), "no such participant: con7 (did you mean sub-CON007?)"),
        (("patent1",), "no such participant: patent1 (did you mean sub-patient1?)"),
        (("001", "x"), "no such participant: 001 (did you mean sub-01?), x"),
        (("01,11",), "no such participant: 01,11 (separate labels by blanks)"),
        (("01 11",), f"no such participant: 01 11 ({_WORDS})"),
        (("01\t11",), f"no such participant: 01\t11 ({_WORDS})"),
        (("ses-01",), "no such participant: ses-01 (labels with ses- belong to --session-label)"),
        (("lables.txt",), "no such participant: lables.txt (there is no such file either)"),
        (("lists/01",), "no such participant: lists/01 (there is no such file either)"),
        (tuple("abcdefg"), "no such participant: a, b, c, d, e and 2 more"),
    ],
)
def test_an_unknown_participant_is_an_error_that_offers_the_nearest(tmp_path, labels, what):
    for label in ("01", "11", "CON007", "patient1"):
        (tmp_path / f"sub-{label}").mkdir()
    assert find_participants(tmp_path, ("11", "01")) == (["11", "01"], [])
    with pytest.raises(NeuroFMError) as error:
        find_participants(tmp_path, labels)
    assert error.value.what == what
    assert (error.value.code, error.value.fix) == (Exit.NOTHING_SELECTED, "Check --participant-label.")


def test_an_unknown_session_is_an_error_unless_another_participant_has_it(tmp_path):
    for session in ("01", "02"):
        (tmp_path / f"sub-{session}" / f"ses-{session}").mkdir(parents=True)
    check_sessions([tmp_path], ("01", "02"), {"01"})
    with pytest.raises(NeuroFMError, match="Check --session-label") as error:
        check_sessions([tmp_path], ("01", "2", "y", "sub-01", "01 02"), {"01"})
    assert error.value.what == (
        "no such session: 2 (did you mean ses-02?), y, sub-01 (labels with sub- belong to "
        f"--participant-label), 01 02 ({_WORDS})"
    )
    assert error.value.code is Exit.NOTHING_SELECTED


def test_labels_of_a_file_are_treated_like_those_of_the_command_line(tmp_path):
    (tmp_path / "sub-01").mkdir()
    (tmp_path / "labels.txt").write_text("1\n")
    for value in ("1", str(tmp_path / "labels.txt")):
        with pytest.raises(NeuroFMError, match=r"no such participant: 1 \(did you mean sub-01\?\)"):
            find_participants(tmp_path, parse_labels([value], FLAG))


def test_a_participant_with_outputs_or_in_the_dataset_is_no_mistake(tmp_path):
    (tmp_path / "sub-01").mkdir()
    assert unknown_participants([tmp_path], ("01", "1", "gone", "gon", "x"), {"gone"}) == {
        "1": "no such participant (did you mean sub-01?)",
        "gon": "no such participant (did you mean sub-gone?)",
        "x": "no such participant",
    }


def test_that_no_participant_exists_is_an_error_at_the_group_level_too(tmp_path):
    (tmp_path / "sub-01").mkdir()
    assert unknown_participants([tmp_path], (), set()) == {}
    with pytest.raises(NeuroFMError) as error:
        unknown_participants([tmp_path], ("1", "x"), {"gone"})
    assert error.value.what == "no such participant: 1 (did you mean sub-01?), x"
    assert (error.value.code, error.value.fix) == (Exit.NOTHING_SELECTED, "Check --participant-label.")


def test_folders_that_are_meant_as_those_of_participants_are_named(tmp_path, caplog):
    others = ["derivatives", "substudy", "subjects", "Sub-x.md"]
    for name in ("sub-01", "Sub-02", "SUB-03", "sub_04", "sub05", *others[:3]):
        (tmp_path / name).mkdir()
    (tmp_path / others[3]).touch()
    assert find_participants(tmp_path, ())[0] == ["01"]
    (record,) = caplog.records
    assert record.getMessage() == (
        "not read: SUB-03, Sub-02, sub05, sub_04: rename folders of participants to sub-<label>"
    )


def test_labels_of_several_datasets_exist_in_any_of_them(tmp_path):
    roots = [tmp_path / name for name in "ab"]
    for root, label in zip(roots, ("01", "02"), strict=True):
        (root / f"sub-{label}" / f"ses-{label}").mkdir(parents=True)
    check_sessions(roots, ("01", "02"), set())
    assert unknown_participants(roots, ("01", "02", "2"), set()) == {
        "2": "no such participant (did you mean sub-02?)"
    }
    with pytest.raises(NeuroFMError) as error:
        unknown_participants(roots, ("x",), set())
    assert error.value.where == f"{roots[0]}, {roots[1]}"
