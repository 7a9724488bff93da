import pytest

from neurofm_bids.storage.toml_places import Place, find_places

TEXT = '''# a comment with [[task]] and "text"
[[task]]
name = "a = b"   # x = 1
'quoted key' = 3
covariates = [
  "age",  # "sex" is not here
    "sex",
]
text = """
two = 1
lines"""

[task.exclude]
group = ["x", 'y']
"odd ] key" = ["#1"]

[[task]]
  name = "b"
  exclude = { group = ["x"] }
times.time = "years"
'''


@pytest.mark.parametrize(
    ("key", "text", "place"),
    [
        (("task", 0), None, (2, 1)),
        (("task", 0, "name"), None, (3, 1)),
        (("task", 0, "name"), "a = b", (3, 8)),
        (("task", 0, "quoted key"), "3", (4, 16)),
        (("task", 0, "covariates"), "sex", (7, 5)),
        (("task", 0, "text"), None, (9, 1)),
        (("task", 0, "exclude"), None, (13, 1)),
        (("task", 0, "exclude", "group"), "y", (14, 15)),
        (("task", 0, "exclude", "odd ] key"), "#1", (15, 16)),
        (("task", 1), None, (17, 1)),
        (("task", 1, "name"), None, (18, 3)),
        (("task", 1, "exclude", "group"), "x", (19, 24)),
        (("task", 1, "times", "time"), "years", (20, 14)),
        (("task", 1, "absent"), None, (17, 1)),
        (("other",), None, (1, 1)),
    ],
)
def test_keys_and_texts_are_found(key, text, place):
    assert find_places(TEXT).of(*key, text=text) == Place(*place)


def test_a_place_is_written_in_words():
    assert str(Place(3, 7)) == "line 3, column 7"
