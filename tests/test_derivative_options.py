from pathlib import Path

import pytest

from neurofm_bids.derivative_options import given_derivative
from neurofm_bids.named_path import NamedPath


@pytest.mark.parametrize(
    ("text", "name", "path"),
    [
        ("fmriprep=/data/out", "fmriprep", "/data/out"),
        ("fast-surfer=out/a=b", "fast-surfer", "out/a=b"),
        ("/data/out", "", "/data/out"),
        ("/data/a=b", "", "/data/a=b"),
        ("../out", "", "../out"),
    ],
)
def test_name_and_path(text, name, path):
    derivative = given_derivative(text)
    assert derivative == NamedPath(name, Path(path))
    assert str(derivative) == text


def test_nothing_is_no_derivative():
    with pytest.raises(ValueError, match=r"^$"):
        given_derivative("")
