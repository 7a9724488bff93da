"""Random damage to headers, compressed streams, sidecars, tables and names."""

import gzip
import json
import struct
import tracemalloc
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.bids.discovery import Scan
from neurofm_bids.bids.labels import parse_labels
from neurofm_bids.bids.names import SCAN_OUTPUTS
from neurofm_bids.bids.problems import name_problem
from neurofm_bids.bids.sidecars import read_metadata
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.preprocess.intensity import from_zero
from neurofm_bids.preprocess.load import load_t1w
from tests.gauntlet import headers

DATA = (np.random.default_rng(0).random((40, 42, 44)) * 500).astype(np.int16)
MEMORY = 2**25  # of reading 150 kB of voxels in blocks of 1 MB, whatever the header says
HEADER = 544  # of NIfTI-2, with the flag of extensions
INTENT = 504  # of NIfTI-2

# Fields that decide what is allocated, read or computed, with values at the edges of their types.
_SHORTS = st.sampled_from([-32768, -1, 0, 1, 2, 7, 8, 16, 64, 128, 512, 1024, 1536, 2304, 32767])
_FLOATS = st.sampled_from([0.0, -0.0, -1.0, 1e-40, 1e-6, 0.5, 3.0, 352.0, 1e9, 3e38, np.inf, -np.inf, np.nan])
_SHORT_FIELDS = st.sampled_from([*range(headers.NDIM, 56, 2), headers.DATATYPE, 72, headers.CODES, 254])
_FLOAT_FIELDS = st.sampled_from([*range(76, 120, 4), *range(headers.QUATERNION, 328, 4)])
_CHANGE = st.one_of(
    st.tuples(st.integers(0, HEADER - 1), st.just("B"), st.integers(0, 255)),
    st.tuples(_SHORT_FIELDS, st.just("<h"), _SHORTS),
    st.tuples(_FLOAT_FIELDS, st.just("<f"), _FLOATS),
    st.tuples(st.just(INTENT), st.just("<i"), st.integers(2990, 3020)),
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def image(kind):
    return kind(DATA, np.diag([3.0, 3.0, 3.0, 1.0]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


def loaded(path):
    """Return what was read, or None if it was refused; any other exception is a failure of the test."""
    tracemalloc.start()
    try:
        found, refusal = load_t1w(path), None
    except NeuroFMError as error:
        found, refusal = None, error
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < MEMORY
    assert found is not None or (refusal.what and refusal.fix and refusal.where == path)
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.fault("random bytes in the header of an image", "read, or refused with a message")
@settings(max_examples=250, deadline=None)
@given(
    changes=st.lists(_CHANGE, min_size=1, max_size=6),
    kind=st.sampled_from([nib.Nifti1Image, nib.Nifti2Image]),
    packed=st.booleans(),
)
@example(changes=[(0, "B", 0), (80, "<f", 0.0)], kind=nib.Nifti1Image, packed=False)
@example(changes=[(INTENT, "<i", 3001)], kind=nib.Nifti2Image, packed=True)
def test_headers(folder, changes, kind, packed):
    content = bytearray(image(kind).to_bytes())
    for offset, form, value in changes:
        struct.pack_into(form, content, offset, value)
    path = folder / ("header_T1w.nii.gz" if packed else "header_T1w.nii")
    path.write_bytes(gzip.compress(content, compresslevel=1) if packed else content)
    found = loaded(path)
    if found is not None:
        assert np.isfinite(np.asarray(found.dataobj)).all()
        assert np.isfinite(found.affine).all()
        header = kind.header_class
        zooms = header(bytes(content[: header.sizeof_hdr]), check=False)["pixdim"][1:4]
        assert (zooms > 0).all()  # nibabel takes 1 mm for 0


@pytest.mark.fault("random changes to the compressed stream", "the original image, or refused with a message")
@settings(max_examples=150, deadline=None)
@given(
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=4),
    lost=st.just(0) | st.integers(1, 12) | st.integers(1, 150_000),
    added=st.binary(max_size=20),
)
@example(flips=[], lost=0, added=b"")
@example(flips=[], lost=8, added=b"")
def test_streams(folder, flips, lost, added):
    content = bytearray(gzip.compress(image(nib.Nifti1Image).to_bytes(), compresslevel=1, mtime=0))
    for place, bits in flips:
        content[int(place * len(content))] ^= bits
    path = folder / "stream_T1w.nii.gz"
    path.write_bytes(content[: max(0, len(content) - lost)] + added)
    found = loaded(path)
    if found is not None:
        np.testing.assert_array_equal(np.asarray(found.dataobj), from_zero(np.float32(DATA), np.unique(DATA)))


def sidecar_of(folder, content):
    path = folder / "sub-01_T1w.json"
    path.write_bytes(content)
    try:
        return read_metadata(path.with_suffix(".nii.gz"), folder)
    except NeuroFMError as error:
        return error


@pytest.mark.fault("random bytes as a sidecar", "read, or refused with a message")
@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=200))
@example(content=b"[" * 100_000)
@example(content=b"9" * 5000)
def test_sidecars_of_bytes(folder, content):
    found = sidecar_of(folder, content)
    assert isinstance(found, dict) or "the sidecar sub-01_T1w.json " in found.what


@pytest.mark.fault("random JSON as a sidecar", "read as values that can be written again")
@settings(max_examples=200, deadline=None)
@given(value=st.dictionaries(st.text(), _JSON, max_size=5))
@example(value={"EchoTime": float("nan"), "Manufacturer": "\ud800"})
def test_sidecars_of_json(folder, value):
    found = sidecar_of(folder, json.dumps(value).encode())
    again = json.dumps(found, allow_nan=False, ensure_ascii=False).encode()
    assert json.loads(again) == found


def scan_of(folder, label):
    return Scan(folder / f"sub-{label}/anat/sub-{label}_T1w.nii.gz", folder, label, None, ())


@pytest.mark.fault("random bytes as participants.tsv", "read, with ages from 0 to 130 or none")
@settings(max_examples=200, deadline=None)
@given(
    head=st.sampled_from([b"", b"participant_id\tage\tsex\n", b"\xef\xbb\xbfage\tparticipant_id\r\n"]),
    rest=st.one_of(
        st.binary(max_size=200), st.text(alphabet="sub-01\t\n\r.+9nae/", max_size=200).map(str.encode)
    ),
)
def test_participants(folder, head, rest):
    (folder / "participants.tsv").write_bytes(head + rest)
    covariates = Covariates(folder)
    for label in ("01", "", "b-0"):
        person = covariates.person(scan_of(folder, label))
        assert person.age_years is None or 0 <= person.age_years <= 130
        assert person.sex in {None, "F", "M"}


@pytest.mark.fault("random bytes as tables of sessions, scans and phenotypes", "read as far as possible")
@settings(max_examples=200, deadline=None)
@given(
    rest=st.one_of(
        st.binary(max_size=200),
        st.text(alphabet='01e.+"=-na/\t\n', max_size=200).map(lambda text: f"n/a\tsub-01\t{text}".encode()),
    ),
    about=st.one_of(
        st.binary(max_size=50),
        st.dictionaries(st.sampled_from("ab"), _JSON).map(lambda value: json.dumps(value).encode()),
    ),
)
def test_tables(folder, rest, about):
    head = b"session_id\tparticipant_id\ta\tb\tfilename\n"
    for place in ("phenotype/x", "sub-01/sub-01_sessions", "sub-01/sub-01_scans"):
        (folder / place).parent.mkdir(exist_ok=True)
        (folder / f"{place}.tsv").write_bytes(head + rest)
        (folder / f"{place}.json").write_bytes(about)
    covariates = Covariates(folder)
    assert len(covariates.table([scan_of(folder, "01"), scan_of(folder, "02")])) == 2
    json.dumps(covariates.dictionary, allow_nan=False)


_PART = st.tuples(st.sampled_from(["sub", "ses", "acq", "run", "desc", "", ".."]), st.text(max_size=80)).map(
    "-".join
)


@pytest.mark.fault("random file names", "outputs in their folder under valid names, or refused")
@settings(max_examples=300, deadline=None)
@given(parts=st.lists(_PART, max_size=4), ending=st.sampled_from(["_T1w.nii.gz", "_T1w.nii", "T1w.nii", ""]))
@example(parts=["sub-01"], ending="_T1w.nii.gz")
@example(parts=["sub-01", f"acq-{'l' * 153}"], ending="_T1w.nii.gz")
def test_names(parts, ending):
    root, out = Path("/bids"), Path("/out")
    name = "_".join(parts) + ending
    known = dict(part.split("-", 1) for part in parts)
    anat = root.joinpath(*(f"{key}-{known[key]}" for key in ("sub", "ses") if key in known), "anat")
    path = anat / name
    if name_problem(path, root) is not None:
        return
    scan = Scan(path, root, known["sub"], known.get("ses"), tuple(known.items()))
    names = Derivatives(out, "neurofmL", "MNI152NLin2009cAsym")
    for written in (names.path(scan, output) for output in SCAN_OUTPUTS):
        assert ".." not in written.parts
        assert written.is_relative_to(out)
        assert max(len(part.encode()) for part in written.parts) <= 255


@settings(max_examples=100, deadline=None)
@given(values=st.lists(st.text(max_size=300), max_size=3))
def test_labels(values):
    if not all(value.strip() and value.strip() not in {"sub-", "ses-"} for value in values):
        with pytest.raises(NeuroFMError, match="a label of --participant-label is empty"):
            parse_labels(values, "--participant-label")
        return
    labels = parse_labels(values, "--participant-label")
    assert all(labels)
    assert len(labels) <= len(values)
