from neurofm_bids.bids.bidsignore import read_bidsignore
from neurofm_bids.bids.filters import Selector
from neurofm_bids.bids.stored import stored_scans
from neurofm_bids.group.inputs import sources_of
from neurofm_bids.group.scan_index import ScanIndex
from neurofm_bids.group.scan_reader import ScanReader
from neurofm_bids.group.scan_rows import read_members
from neurofm_bids.named_path import NamedPath
from neurofm_bids.norms.reference import PUBLISHED
from tests.group.folders import write_sites


def test_members_and_what_is_left_out_are_those_of_each_folder(tmp_path):
    north, south, one, two = write_sites(tmp_path)
    (two / "sub-03" / "anat" / "sub-03_desc-openS_predictions.json").unlink()
    (one / "sub-02" / "anat" / "sub-02_desc-openS_features.tsv").write_text("f000\n1\n")
    (south / ".bidsignore").write_text("sub-01/\n")
    sources = sources_of(tmp_path / "out", "openS", north, (NamedPath("", one), NamedPath("s", two)))
    readers = {
        key: ScanReader(each.out, each.covariates, Selector(), read_bidsignore(each.bids_dir), PUBLISHED)
        for key, each in sources.items()
    }
    stored = [scan for key, each in sources.items() for scan in stored_scans(each.out, source=key)]
    by_size, folders = read_members(readers, sources, stored, ScanIndex(), 1)
    assert {size: [member.scan.stem for member, _ in alike.members] for size, alike in by_size.items()} == {
        12: ["sub-01"],
        1: ["sub-02"],
    }
    found = {
        key: ([scan.stem for scan in one.members], [*one.unusable], one.ignored)
        for key, one in folders.items()
    }
    assert found == {
        "": ([], [], {}),
        "../out_n": (["sub-01", "sub-02"], [], {}),
        "../out_s": ([], ["sub-03"], {"sub-01": "sub-01/anat/sub-01_T1w.nii.gz"}),
    }
