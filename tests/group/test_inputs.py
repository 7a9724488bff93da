import json
import shutil

import pytest

from neurofm_bids.bids.stored import stored_scans
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.group.inputs import check_distinct, check_inputs, sources_of
from neurofm_bids.named_path import NamedPath
from tests.group.folders import write_dataset, write_folder, write_shards, write_sites


def distinct(sources):
    stored = [scan for key, one in sources.items() for scan in stored_scans(one.out, source=key)]
    check_distinct(stored, sources)


def test_folders_of_one_dataset_share_its_covariates(tmp_path):
    bids, one, two = write_shards(tmp_path)
    sources = sources_of(tmp_path / "new" / "out", "openS", bids, (NamedPath("", one), NamedPath("", two)))
    assert list(sources) == ["", "../../out_1", "../../out_2"]
    assert len({id(source.covariates) for source in sources.values()}) == 1
    distinct(sources)


def test_each_folder_has_the_dataset_that_it_links(tmp_path):
    north, south, one, two = write_sites(tmp_path)
    (tmp_path / "link").symlink_to(south)
    sources = sources_of(
        tmp_path / "out", "openS", tmp_path / "link", (NamedPath("", one), NamedPath("s", two))
    )
    assert [source.bids_dir for source in sources.values()] == [tmp_path / "link", north, tmp_path / "link"]
    assert [source.name for source in sources.values()] == ["", "", "s"]


def relink(folder, raw):
    """Let an output folder link another dataset, or none."""
    path = folder / "dataset_description.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps({**about, "DatasetLinks": {"raw": raw} if raw else {}}))


LINKS = [("../data", "{root}/data, which it links, is not a folder"), (None, "it links no dataset")]


@pytest.mark.parametrize(("link", "why"), LINKS)
def test_a_warning_says_that_the_given_dataset_is_used_where_the_linked_one_is_gone(
    tmp_path, caplog, link, why
):
    bids, one, two = write_shards(tmp_path)
    relink(one, link)
    sources = sources_of(tmp_path / "out", "openS", bids, (NamedPath("", one), NamedPath("", two)))
    assert sources["../out_1"].covariates is sources[""].covariates
    (warning,) = caplog.messages
    expected = f"The dataset of {one} is not known ({why.format(root=tmp_path)}), and was taken to be {bids}."
    assert warning.startswith(f"{expected} If it is another one: correct the path of raw under DatasetLinks")
    assert [source.doubt for source in sources.values()] == ["", expected, ""]


@pytest.mark.parametrize(("link", "why"), LINKS)
def test_a_folder_with_a_name_needs_the_dataset_that_it_links(tmp_path, link, why):
    north, _, one, two = write_sites(tmp_path)
    relink(two, link)
    with pytest.raises(NeuroFMError) as error:
        sources_of(tmp_path / "out", "openS", north, (NamedPath("", one), NamedPath("s", two)))
    assert error.value.what == f"dataset of {two} not found: {why.format(root=tmp_path)}"
    assert error.value.where == f"--group-inputs s={two}"
    assert error.value.fix.startswith("Correct the path of raw under DatasetLinks")
    relink(two, str(tmp_path / "south"))
    distinct(sources_of(tmp_path / "out", "openS", north, (NamedPath("", one), NamedPath("s", two))))


@pytest.mark.parametrize(
    ("stem", "name", "bids", "what", "otherwise"),
    [
        ("sub-01", "", "north", "1 scans are in two output folders", "Delete the outputs of these scans"),
        ("sub-03", "n", "north", "output folders of one dataset have different names", "Give them the same"),
        ("sub-01", "", "south", "1 participants of different datasets have", "Give an output folder a name"),
    ],
)
def test_a_refusal_says_first_which_dataset_is_not_known(tmp_path, stem, name, bids, what, otherwise):
    north, _, one, _ = write_sites(tmp_path)
    given = tmp_path / bids
    two = write_folder(tmp_path / "out_new", north, stem)
    relink(two, "../data")
    with pytest.raises(NeuroFMError) as error:
        distinct(sources_of(tmp_path / "out", "openS", given, (NamedPath(name, one), NamedPath("", two))))
    assert error.value.what.startswith(what)
    doubt, _, remedy = error.value.fix.partition(" Otherwise: ")
    assert doubt.startswith(f"The dataset of {two} is not known ({tmp_path / 'data'}, which it links, is not")
    assert f"was taken to be {given}. If it is another one: correct the path" in doubt
    assert remedy.startswith(otherwise)


@pytest.mark.parametrize(
    ("folder", "what", "code"),
    [
        ("nowhere", "output folder not found", Exit.NO_INPUT),
        ("bids", "a folder is not an output folder of NeuroFM-BIDS", Exit.NO_INPUT),
        ("empty", "a folder is not an output folder of NeuroFM-BIDS", Exit.NO_INPUT),
        ("out", "an output folder is given twice, or is out_dir", Exit.USAGE),
        ("out_1", "an output folder is given twice, or is out_dir", Exit.USAGE),
        ("other_path", "an output folder is given twice, or is out_dir", Exit.USAGE),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused(tmp_path, folder, what, code):
    bids, one, _ = write_shards(tmp_path)
    write_folder(tmp_path / "out", bids)
    (tmp_path / "empty").mkdir()
    (tmp_path / "other_path").symlink_to(one)
    with pytest.raises(NeuroFMError, match=what) as error:
        check_inputs(tmp_path / "out", (NamedPath("", one), NamedPath("", tmp_path / folder)))
    assert error.value.code == code
    assert str(tmp_path / folder) in str(error.value)


def test_equal_labels_of_two_datasets_are_refused_unless_one_has_a_name(tmp_path):
    north, _, one, two = write_sites(tmp_path)
    with pytest.raises(NeuroFMError) as error:
        distinct(sources_of(tmp_path / "out", "openS", north, (NamedPath("", one), NamedPath("", two))))
    text = str(error.value)
    assert "1 participants of different datasets have the same label (sub-01)" in text
    assert f"--group-inputs siteB={two}" in text
    assert f"{tmp_path / 'north'} and {tmp_path / 'south'}" in text
    distinct(sources_of(tmp_path / "out", "openS", north, (NamedPath("", one), NamedPath("s", two))))


def test_a_name_that_makes_the_label_of_another_participant_is_refused(tmp_path):
    north, _, one, two = write_sites(tmp_path)
    write_folder(one, north, "sub-s01")
    with pytest.raises(NeuroFMError, match=r"have the same label \(sub-s01\)"):
        distinct(sources_of(tmp_path / "out", "openS", north, (NamedPath("", one), NamedPath("s", two))))


def test_a_scan_in_two_folders_is_refused(tmp_path):
    bids, one, two = write_shards(tmp_path)
    shutil.copytree(one / "sub-03", two / "sub-03")
    with pytest.raises(NeuroFMError, match=r"1 scans are in two output folders \(sub-03\)") as error:
        distinct(sources_of(tmp_path / "out", "openS", bids, (NamedPath("", one), NamedPath("", two))))
    assert f"{one} and {two}" in str(error.value)


def test_sessions_of_a_participant_may_be_in_two_folders_of_a_dataset(tmp_path):
    bids = write_dataset(tmp_path / "bids", "01")
    one, two = (write_folder(tmp_path / f"out_{label}", bids, f"sub-01_ses-{label}") for label in "ab")
    distinct(sources_of(tmp_path / "out", "openS", bids, (NamedPath("", one), NamedPath("", two))))


def test_two_names_of_one_dataset_are_refused(tmp_path):
    bids, one, two = write_shards(tmp_path)
    with pytest.raises(NeuroFMError, match=r"one dataset have different names \(a and no name\)"):
        distinct(sources_of(tmp_path / "out", "openS", bids, (NamedPath("a", one), NamedPath("", two))))
    distinct(sources_of(tmp_path / "out", "openS", bids, (NamedPath("a", one), NamedPath("a", two))))
