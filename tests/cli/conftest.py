import pytest


@pytest.fixture
def folders(tmp_path):
    """The folders of a command: an empty one for the dataset, and one that does not exist."""
    (tmp_path / "bids").mkdir()
    return [str(tmp_path / "bids"), str(tmp_path / "out")]
