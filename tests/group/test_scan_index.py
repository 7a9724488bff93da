import json

import pytest

from neurofm_bids.bids.stored import StoredScan
from neurofm_bids.group import scan_index
from neurofm_bids.group.entry import Entry
from neurofm_bids.group.scan_index import Row, ScanIndex
from neurofm_bids.storage.arrow import read_rows

SCANS = [StoredScan("01", None, "sub-01"), StoredScan("02", "a", "sub-02_ses-a")]
ROWS = [Row(f"f{i}", "j", "i", Entry(f"o{i}", ("about", "l", f"v{i}"), b"n", b"f" * i)) for i in range(2)]


@pytest.fixture
def path(tmp_path):
    index = ScanIndex(tmp_path / "index.arrow")
    for scan, row in zip(SCANS, ROWS, strict=True):
        index.put(scan, row)
    index.write(SCANS)
    return tmp_path / "index.arrow"


def test_rows_are_kept_by_scan(path):
    index = ScanIndex(path)
    assert [index.get(scan) for scan in SCANS] == ROWS
    assert index.get(StoredScan("02", None, "sub-02_ses-a")) is None


def test_rows_of_other_scans_are_dropped(path):
    ScanIndex(path).write(SCANS[1:])
    assert [ScanIndex(path).get(scan) for scan in SCANS] == [None, ROWS[1]]


@pytest.mark.parametrize("row", ["a reason", Row("", "j", "i", ROWS[0].entry)])
def test_a_scan_that_cannot_be_used_or_may_change_is_not_kept(path, row):
    index = ScanIndex(path)
    index.put(SCANS[0], row)
    index.write(SCANS)
    assert [ScanIndex(path).get(scan) for scan in SCANS] == [None, ROWS[1]]


def test_an_index_without_changes_is_not_written(path):
    before = path.stat().st_mtime_ns, path.stat().st_ino
    index = ScanIndex(path)
    index.put(StoredScan("03", None, "sub-03"), "a reason")
    index.write(SCANS)
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        lambda path: path.write_bytes(path.read_bytes().replace(b'"program"', b'"progrom"')),
        lambda path: path.write_bytes(path.read_bytes().replace(b"o1", b"o2")),
        lambda path: path.write_bytes(path.read_bytes().replace(b'"about", "l"', b'"aboot", "l"')),
        lambda path: path.write_bytes(path.read_bytes().replace(b'"v1"', b'"v2"')),
        lambda path: (path.unlink(), path.mkdir()),
    ],
)
def test_an_index_that_is_damaged_is_empty(path, damage):
    damage(path)
    assert [ScanIndex(path).get(scan) for scan in SCANS] == [None, None]


def test_an_index_of_another_program_is_empty(path, caplog):
    caplog.set_level("INFO")
    names = [
        "scan",
        "files",
        "joined",
        "image",
        "own",
        "about",
        "layouts",
        "volumes",
        "numbers",
        "features",
        "checksum",
    ]
    details = json.loads(next(read_rows(path, dict.fromkeys(names))))
    path.write_bytes(path.read_bytes().replace(details["program"].encode(), b"0" * 64))
    assert ScanIndex(path).get(SCANS[0]) is None
    assert "another version of NeuroFM-BIDS" in caplog.text


def test_without_a_file_nothing_is_written(tmp_path):
    index = ScanIndex()
    index.put(SCANS[0], ROWS[0])
    index.write(SCANS)
    assert index.get(SCANS[0]) == ROWS[0]
    assert list(tmp_path.iterdir()) == []


def test_an_index_that_cannot_be_written_does_not_end_the_run(tmp_path, caplog):
    (tmp_path / "file").touch()
    index = scan_index.ScanIndex(tmp_path / "file" / "index.arrow")
    index.put(SCANS[0], ROWS[0])
    index.write(SCANS)
    assert "The index of the scans is not written" in caplog.text


def test_an_index_of_many_scans_is_not_written_for_a_few_new_ones(tmp_path):
    path, many = tmp_path / "index.arrow", [StoredScan(str(i), None, f"sub-{i}") for i in range(400)]
    index = ScanIndex(path)
    for scan in many:
        index.put(scan, ROWS[0])
    index.write(many)
    for new, is_kept in ((2, False), (3, True)):
        scans = [StoredScan(f"n{i}", None, f"sub-n{i}") for i in range(new)]
        index = ScanIndex(path)
        for scan in scans:
            index.put(scan, ROWS[1])
        index.write([*many, *scans])
        assert (ScanIndex(path).get(scans[0]) == ROWS[1]) is is_kept


def test_nothing_stays_of_a_scan_that_was_removed(tmp_path):
    path, many = tmp_path / "index.arrow", [StoredScan(str(i), None, f"sub-{i}") for i in range(400)]
    index = ScanIndex(path)
    for scan in many:
        index.put(scan, Row("f", "j", "i", Entry(f"own of {scan.stem}.", ("a", "l", "v"), b"n", b"f")))
    index.write(many)
    assert b"own of sub-7." in path.read_bytes()
    ScanIndex(path).write([scan for scan in many if scan.stem != "sub-7"])
    assert b"own of sub-7." not in path.read_bytes()
    assert b"own of sub-8." in path.read_bytes()
