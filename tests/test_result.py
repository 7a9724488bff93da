from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.norms.user_reference import make_reference, write_reference
from neurofm_bids.records.origin import origin_of
from neurofm_bids.result import Result, volume_centiles
from tests.norms.people import record_of, simulated, volumes_of
from tests.samples import AGE, scan_record


def test_a_result_shows_its_record():
    record = scan_record(predictions={"age": AGE})
    result = Result(record, np.zeros(2, np.float32), nib.Nifti1Image(np.zeros((1, 1, 1)), np.eye(4)))
    assert result.predictions["age"] is AGE
    assert result.image_quality == record.image_quality
    assert result.flags == record.flags
    assert result.to_dict() == record.to_dict()


def test_centiles_of_a_result():
    record = record_of(volumes_of(40.0, "M"))
    result = Result(record, np.zeros(2, np.float32), nib.Nifti1Image(np.zeros((1, 1, 1)), np.eye(4)))
    found = {item.key: item for item in result.centiles(40, "M")}
    assert found["brain"].centile == pytest.approx(50)
    assert tuple(found.values()) == volume_centiles(record, 40, "M")
    assert {item.centile for item in result.centiles(10, "M")} == {None}


def test_what_centiles_of_a_record_refuse(tmp_path):
    record = record_of(volumes_of())
    with pytest.raises(NeuroFMError, match=r"the sex is 'female'\. Use F or M") as error:
        volume_centiles(record, 40, "female")
    assert error.value.code is Exit.USAGE
    origin, path = origin_of(record), tmp_path / "r.json"
    write_reference(path, make_reference(simulated(1, 60), version="1", origin=origin))
    assert {item.key for item in volume_centiles(record, 40, "F", reference=path)} == {
        "brain",
        "lateral_ventricles",
    }
    write_reference(
        path, make_reference(simulated(1, 60), version="1", origin=replace(origin, weights_sha256="0"))
    )
    with pytest.raises(NeuroFMError, match="made with other weights of the model") as error:
        volume_centiles(record, 40, "F", reference=str(path))
    assert error.value.code is Exit.DATA
