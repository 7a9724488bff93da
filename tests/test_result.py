import nibabel as nib
import numpy as np

from neurofm_bids.result import Result
from tests.samples import AGE, scan_record


def test_a_result_shows_its_record():
    record = scan_record(predictions={"age": AGE})
    result = Result(record, np.zeros(2, np.float32), nib.Nifti1Image(np.zeros((1, 1, 1)), np.eye(4)))
    assert result.predictions["age"] is AGE
    assert result.image_quality == record.image_quality
    assert result.flags == record.flags
    assert result.to_dict() == record.to_dict()
