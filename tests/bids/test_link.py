import json

import pytest

from neurofm_bids.bids.link import is_same_folder, linked_source, other_source


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ('{"DatasetLinks": {"raw": "../bids"}}', None),
        ('{"DatasetLinks": {"raw": "../bids/"}}', None),
        ('{"DatasetLinks": {"raw": "../link"}}', None),
        ('{"DatasetLinks": {"raw": "../other"}}', "other"),
        ('{"DatasetLinks": {"raw": "../gone"}}', "gone"),
        ('{"DatasetLinks": {"raw": 3}}', None),
        ('{"DatasetLinks": null}', None),
        ("[]", None),
        ("{", None),
        (None, None),
    ],
)
def test_the_linked_dataset_if_it_is_another_folder(tmp_path, text, other):
    for name in ("bids", "other", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "link").symlink_to("bids")
    if text:
        (tmp_path / "out" / "dataset_description.json").write_text(text)
    assert other_source(tmp_path / "out", tmp_path / "bids") == (other and tmp_path / other)


def test_an_absolute_link_and_one_that_is_no_path(tmp_path):
    (tmp_path / "bids").mkdir()
    for raw, other in ((str(tmp_path / "bids"), False), ("\0", True)):
        (tmp_path / "dataset_description.json").write_text(json.dumps({"DatasetLinks": {"raw": raw}}))
        assert bool(other_source(tmp_path, tmp_path / "bids")) is other


def test_the_linked_dataset_may_be_gone(tmp_path):
    assert linked_source(tmp_path) is None
    (tmp_path / "dataset_description.json").write_text('{"DatasetLinks": {"raw": "a/../gone"}}')
    assert linked_source(tmp_path) == tmp_path / "gone"


def test_folders_are_the_same_by_name_or_by_link(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "link").symlink_to("one")
    assert is_same_folder(tmp_path / "one", tmp_path / "link")
    assert is_same_folder(tmp_path / "gone", tmp_path / "x" / ".." / "gone")
    assert not is_same_folder(tmp_path / "one", tmp_path / "gone")
