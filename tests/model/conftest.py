import pytest

from tests.model.damage import KERAS


@pytest.fixture
def keras(tmp_path):
    """The weights of open-s as the published layout has them."""
    path = tmp_path / "keras.h5"
    path.write_bytes(KERAS)
    return path
