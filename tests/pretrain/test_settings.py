import os
from pathlib import Path

import pytest

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.option import make
from neurofm_bids.pretrain.settings import Synthesis


def test_label_maps_are_those_of_the_environment_unless_given(monkeypatch):
    monkeypatch.delenv("NEUROFM_LABEL_MAPS", raising=False)
    given = {"out": Path("OUT"), "maps": (Path("MAPS"),)}
    assert make(Synthesis, given).maps == (Path("MAPS"),)
    with pytest.raises(NeuroFMError, match="no folder of label maps given") as error:
        make(Synthesis, {"out": Path("OUT")})
    assert error.value.code == Exit.USAGE
    monkeypatch.setenv("NEUROFM_LABEL_MAPS", os.pathsep.join(("HERE", "THERE")))
    assert make(Synthesis, {"out": Path("OUT")}).maps == (Path("HERE"), Path("THERE"))


def test_prepared_label_maps_lie_beside_the_output(tmp_path):
    settings = {"out": tmp_path / "OUT", "maps": (tmp_path,)}
    assert Synthesis(**settings).cache_folder == tmp_path / "OUT-maps"
    assert Synthesis(**settings, cache=tmp_path).cache_folder == tmp_path
