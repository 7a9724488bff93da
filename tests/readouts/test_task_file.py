from pathlib import Path

import pytest

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.readouts.task import Task, Times
from neurofm_bids.readouts.task_file import read_tasks, tasks_from

GOOD = """
[[task]]
name = "depression"
domain = "clinical"
kind = "binary"
target = "group"
positive = "patient"
covariates = ["age", "sex"]
site = "scanner"
harmonise = true
exclude = { quality = ["bad", 0] }

[[task]]
name = "dementia"
domain = "clinical"
kind = "time-to-event"
target = "outcome"

[task.times]
time = "years"
event = 1
competing = "dead"
horizons = [1, 3.5]
"""
COLUMNS = {"age", "sex", "group", "scanner", "quality", "outcome", "years"}


def tasks(text):
    return tasks_from(text, Path("t.toml"))


def with_line(line):
    """Return a file of one task with one more line, the sixth or later."""
    head = '[[task]]\nname = "a"\ndomain = "clinical"\nkind = "regression"\ntarget = "y"\n'
    return head + line


def test_a_file_holds_tasks(tmp_path):
    path = tmp_path / "tasks.toml"
    path.write_text(GOOD)
    found = read_tasks(path)
    assert found.tasks == (
        Task(
            "depression",
            "clinical",
            "binary",
            "group",
            positive="patient",
            covariates=("age", "sex"),
            site="scanner",
            harmonise=True,
            exclude={"quality": ("bad", "0")},
        ),
        Task(
            "dementia",
            "clinical",
            "time-to-event",
            "outcome",
            times=Times("years", "1", "dead", horizons=(1.0, 3.5)),
        ),
    )
    found.check_columns(COLUMNS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[task]\n", r"not valid TOML: .*t\.toml, line 1, column 7"),
        ('[[task]]\nname = "a', r"not valid TOML: .*t\.toml, line 2, column"),
        ("[[task]]\na = [", r"not valid TOML: .*t\.toml, line 2, column 6"),
        ("", r"no tasks: t\.toml, line 1, column 1"),
        ("task = 3", r"no tasks: t\.toml, line 1, column 1"),
        ("[[tsak]]\n", r"unknown key 'tsak': t\.toml, line 1, column 1, the file. Did you mean 'task'"),
        (
            with_line("kidn = 1"),
            r"unknown key 'kidn': t\.toml, line 6, column 1, task a. Did you mean 'kind'\? Known keys are",
        ),
        ('[[task]]\nname = "a"\n', "the key domain is absent: t.toml, line 1, column 1, task a"),
        ('[[task]]\ndomain = "clinical"\n', "the key name is absent: .*task 1"),
        (
            GOOD.replace('"binary"', '"binar"'),
            "unknown kind 'binar': t.toml, line 5, column 1, task depression, key kind. Did .* 'binary'",
        ),
        (GOOD.replace('"clinical"\nkind = "b', '"clinic"\nkind = "b'), "unknown domain 'clinic'.*'clinical'"),
        (GOOD.replace('"depression"', '"two words"'), "'two words' is not a name: .*line 3, column 1"),
        (GOOD.replace('"dementia"', '"Depression"'), "'Depression' is that of task 1: .*line 14, column 1"),
        (GOOD.replace("= true", '= "yes"'), "'yes' is neither true nor false: .*line 10.*key harmonise"),
        (GOOD.replace('site = "scanner"\n', ""), "harmonise needs the key site: .*line 9, column 1"),
        (GOOD.replace('positive = "patient"\n', ""), "the kind binary needs the key positive: .*line 2,"),
        (with_line('positive = "x"'), "positive is not used by the kind regression: .*line 6.*key positive"),
        (with_line("covariates = [[1]]"), r"\[1\] is not a text: .*line 6, column 1.*key covariates"),
        (with_line("exclude = 3"), "not a table of columns and values: .*line 6, column 1.*key exclude"),
        (with_line("times = 3"), "not a table: .*line 6, column 1.*key times"),
        (GOOD.replace("[1, 3.5]", '["soon"]'), "not a list of numbers: .*line 23, column 1"),
        *(
            (
                GOOD.replace("[1, 3.5]", years),
                f"horizons are not {why}.*: .*line 23, column 1.*dementia.*horizons",
            )
            for years, why in (
                ("[2, inf]", "one or more numbers"),
                ("[nan]", "one or more numbers"),
                ("[0, 2]", "one or more numbers"),
                ("-1", "one or more numbers"),
                ("[]", "one or more numbers"),
                ("[730]", "one or more numbers of years above 0, up to 120"),
                ("[2, 5, 2.0]", "different"),
            )
        ),
        (GOOD.replace("[1, 3.5]", f"[1{'0' * 400}]"), "not a list of numbers: .*line 23"),
        (GOOD.replace('"dead"', "1"), "'1' stands for more than one .*line 22, column 1.*key competing"),
        (GOOD.replace("horizons", 'censored = ["1", 0]\nhorizons'), "'1' stands for .*line 23.*key censored"),
        (GOOD.replace("horizons", 'censored = ["dead"]\nhorizons'), "'dead' stands for .*line 23.*censored"),
        (GOOD.replace("competing", "competng"), "'competng': .*line 22, column 1.*Did you mean 'competing'"),
        (GOOD.replace("event = 1\n", ""), "the key event is absent: .*line 19, column 1.*key times"),
        (
            GOOD.replace("[task.times]", "[task.other]"),
            "unknown key 'other': .*line 19, column 1, task dementia",
        ),
        (
            GOOD.replace('"patient"\n', '"patient"\nclasses = ["a", "b"]\n'),
            "the positive class is not in classes: .*line 7, column 1",
        ),
        (
            GOOD.replace('"patient"\n', '"patient"\nclasses = ["patient", "patient"]\n'),
            "classes are not two or more different values: .*line 8",
        ),
    ],
)
def test_an_error_says_what_and_where(text, message):
    with pytest.raises(NeuroFMError, match=message):
        tasks(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            GOOD.replace('["age", "sex"]', '["age", "sxe"]'),
            r"no column 'sxe': t\.toml, line 8, column 22, task depression, key covariates. Did .* 'sex'",
        ),
        (GOOD.replace('"group"', '"groop"'), "no column 'groop': .*line 6, column 10.*'group'"),
        (GOOD.replace("quality =", "qualty ="), "no column 'qualty': .*line 11, column 1.*'quality'"),
        (GOOD.replace('"years"', '"yeers"'), "no column 'yeers': .*line 20, column 8.*'years'"),
        (GOOD.replace('"scanner"', '"zzz"'), "no column 'zzz': .*key site. Columns are age, group, outcome"),
    ],
)
def test_a_column_that_does_not_exist_is_found_in_the_file(text, message):
    with pytest.raises(NeuroFMError, match=message) as error:
        tasks(text).check_columns(COLUMNS)
    assert error.value.code == Exit.DATA


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(NeuroFMError, match=r"none\.toml") as error:
        read_tasks(tmp_path / "none.toml")
    assert error.value.code == Exit.USAGE
    (tmp_path / "latin.toml").write_bytes(b'[[task]]\nname = "\xe4"')
    with pytest.raises(NeuroFMError, match=r"latin\.toml"):
        read_tasks(tmp_path / "latin.toml")
