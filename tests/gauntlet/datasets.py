"""The table of the gauntlet, third part: datasets that are wrong as a whole, each run by itself.

Every dataset holds one scan, an empty file, so that a run which starts ends at once with exit code 1.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["DATASETS", "ONE", "DatasetCase"]

ONE = "sub-01/anat/sub-01_T1w.nii.gz"
_EMPTY = "the file is empty"
_NOT_BIDS = "this is not a raw BIDS dataset"
_BROKEN = "dataset_description.json is not valid JSON"
_UNREADABLE = "dataset_description.json cannot be read (this is not a regular file)"
_LACKS = "dataset_description.json lacks Name or BIDSVersion"
_NOTHING = "no T1w image is selected"
_IGNORED = "its values are not used"


@dataclass(frozen=True)
class DatasetCase:
    """One dataset of the gauntlet.

    Parameters
    ----------
    name
        Name of the case.
    what
        A plain phrase for the documentation.
    make
        Changes a sound dataset: ``make(root)``.
    code
        Exit code of the run.
    says
        What the run says on standard error.
    options
        Further options of the command; ``{root}`` stands for the folder of the dataset.
    """

    name: str
    what: str
    make: Callable[[Path], object]
    code: int
    says: str
    options: tuple[str, ...] = ()

    @property
    def expected(self) -> str:
        """The outcome in words, for the documentation."""
        if self.code == 1:
            return f"accepted: {self.says}, exit code 1, since its only scan is empty"
        return f"refused: {self.says}, exit code {self.code}"


def description(content):
    """Write these bytes as dataset_description.json, or make it with a function of its path."""

    def make(root):
        path = root / "dataset_description.json"
        path.unlink()
        return content(path) if callable(content) else path.write_bytes(content)

    return make


def table(content):
    """Write these bytes as participants.tsv, or make it with a function of its path."""
    return lambda root: content(root / "participants.tsv") if callable(content) else _write(root, content)


def _write(root, content, name="participants.tsv"):
    (root / name).write_bytes(content)


def described(**changes):
    return json.dumps({"Name": "x", "BIDSVersion": "1.9.0", **changes}).encode()


def without_images(root):
    (root / ONE).unlink()


def without_participants(root):
    shutil.rmtree(root / "sub-01")


def with_link(target):
    """Link a second participant to somewhere."""
    return lambda root: (root / "sub-02").symlink_to(target)


def endless_sessions(root):
    (root / "sub-01" / "ses-a").symlink_to(".")
    (root / "sub-01" / "anat" / "anat").symlink_to("..")


def elsewhere(root):
    """Keep the participant outside of the dataset and link it."""
    shutil.move(root / "sub-01", root.parent / "store-01")
    (root / "sub-01").symlink_to(root.parent / "store-01")


def anat_file(root):
    shutil.rmtree(root / "sub-01" / "anat")
    (root / "sub-01" / "anat").write_text("")


def labels(content):
    return lambda root: _write(root, content, "labels.txt")


def filters(content):
    """Write a filter file, or make it with a function of its path."""
    path = "filters.json"
    return lambda r: content(r / path) if callable(content) else _write(r, content, path)


def huge_labels(root):
    (root / "labels.txt").touch()
    os.truncate(root / "labels.txt", 2**28 + 1)


_FILE = ("--participant-label", "{root}/labels.txt")
_FILTERS = ("--bids-filter-file", "{root}/filters.json")
_SKIP = ("--skip-bids-validation",)
_HEAD = b"participant_id\tage\n"

DATASETS = (
    DatasetCase("sound", "a valid dataset whose only scan is empty", bool, 1, _EMPTY),
    # dataset_description.json
    DatasetCase(
        "nodescription",
        "no dataset_description.json",
        lambda r: (r / "dataset_description.json").unlink(),
        16,
        "dataset_description.json is missing",
    ),
    DatasetCase("badjson", "a truncated dataset_description.json", description(b'{"Name": '), 16, _BROKEN),
    DatasetCase(
        "badjsonskip",
        "a truncated dataset_description.json and --skip-bids-validation",
        description(b'{"Name": '),
        1,
        _EMPTY,
        _SKIP,
    ),
    DatasetCase(
        "deep", "dataset_description.json nested 100,000 deep", description(b"[" * 100_000), 16, _BROKEN
    ),
    DatasetCase(
        "deepskip",
        "dataset_description.json nested 100,000 deep and --skip-bids-validation",
        description(b"[" * 100_000),
        1,
        _EMPTY,
        _SKIP,
    ),
    DatasetCase(
        "notutf8", "dataset_description.json not UTF-8", description(b'{"Name": "\xff"}'), 16, _BROKEN
    ),
    DatasetCase("list", "dataset_description.json is a list", description(b"[]"), 16, _LACKS),
    DatasetCase(
        "listskip",
        "dataset_description.json is a list and --skip-bids-validation",
        description(b"[1]"),
        1,
        _EMPTY,
        _SKIP,
    ),
    DatasetCase(
        "noversion", "dataset_description.json without BIDSVersion", description(b'{"Name": "x"}'), 16, _LACKS
    ),
    DatasetCase(
        "derivative",
        "DatasetType derivative",
        description(described(DatasetType="derivative")),
        16,
        "dataset_description.json has a DatasetType other than raw",
    ),
    DatasetCase(
        "typelist",
        "DatasetType is a list",
        description(described(DatasetType=["raw"])),
        16,
        "dataset_description.json has a DatasetType other than raw",
    ),
    DatasetCase(
        "bom",
        "dataset_description.json with a byte-order mark",
        description(b"\xef\xbb\xbf" + described()),
        1,
        _EMPTY,
    ),
    DatasetCase(
        "descriptionfolder",
        "a folder named dataset_description.json",
        description(Path.mkdir),
        16,
        _UNREADABLE,
    ),
    DatasetCase(
        "descriptionpipe", "a pipe named dataset_description.json", description(os.mkfifo), 16, _UNREADABLE
    ),
    DatasetCase(
        "pipeskip",
        "a pipe named dataset_description.json and --skip-bids-validation",
        description(os.mkfifo),
        16,
        _UNREADABLE,
        _SKIP,
    ),
    # participants.tsv
    DatasetCase(
        "tablebom",
        "participants.tsv with byte-order mark and CRLF",
        table(b"\xef\xbb\xbfparticipant_id\tage\r\nsub-01\t30\r\n"),
        1,
        _EMPTY,
    ),
    DatasetCase(
        "twice",
        "participants.tsv with a duplicate participant",
        table(_HEAD + b"sub-01\t30\n01\t40\n"),
        1,
        "has several values of age for 01: none is used",
    ),
    DatasetCase(
        "nocolumn", "participants.tsv without participant_id", table(b"id\tage\nsub-01\t30\n"), 1, _IGNORED
    ),
    DatasetCase("tableempty", "an empty participants.tsv", table(b""), 1, _IGNORED),
    DatasetCase("tablepipe", "a pipe named participants.tsv", table(os.mkfifo), 1, _IGNORED),
    DatasetCase("tablefolder", "a folder named participants.tsv", table(Path.mkdir), 1, _IGNORED),
    DatasetCase(
        "tablebytes",
        "NUL and a field of 1 MB in participants.tsv",
        table(_HEAD + b"sub-01\t\0" + b"9" * 10**6 + b"\n"),
        1,
        _EMPTY,
    ),
    DatasetCase(
        "tablepointer",
        "participants.tsv as a git-annex pointer",
        table(b"/annex/objects/MD5E-s9--0.tsv"),
        1,
        "Run: datalad get",
    ),
    DatasetCase(
        "tablelatin1",
        "participants.tsv in Latin-1",
        table(_HEAD + b"sub-01\t30\nsub-\xfc\t30\n"),
        1,
        "participants.tsv, line 3: not UTF-8",
    ),
    DatasetCase(
        "tablewide",
        "a line of participants.tsv with more cells than columns",
        table(_HEAD + b"sub-01\t3\t0\n"),
        1,
        "participants.tsv, line 2: more cells than columns",
    ),
    # folders
    DatasetCase("noimages", "no T1w image", without_images, 18, _NOTHING),
    DatasetCase("noparticipants", "no participants", without_participants, 18, _NOTHING),
    DatasetCase("anatfile", "a file named anat", anat_file, 18, _NOTHING),
    DatasetCase(
        "linkcircle", "a participant that is a link to itself", with_link("sub-02"), 1, "link is circular"
    ),
    DatasetCase(
        "linknowhere",
        "a participant that is a broken link",
        with_link("/nowhere/sub-02"),
        1,
        "link is broken",
    ),
    DatasetCase(
        "endless",
        "sessions that link back to their participant",
        endless_sessions,
        1,
        "the file name does not match its folder",
    ),
    DatasetCase("linked", "a participant that is a link to another disk", elsewhere, 1, _EMPTY),
    # filters
    DatasetCase(
        "filterspointer",
        "a filter file as a git-annex pointer",
        filters(b"/annex/objects/MD5E-s9--0.json"),
        64,
        "the filter file has not been downloaded",
        _FILTERS,
    ),
    DatasetCase(
        "filterslink",
        "a filter file as a git-annex link without content",
        filters(lambda path: path.symlink_to(".git/annex/objects/x.json")),
        64,
        "Run: datalad get",
        _FILTERS,
    ),
    DatasetCase("filtersmissing", "no filter file", bool, 64, "filter file not found", _FILTERS),
    # labels
    DatasetCase(
        "labels16",
        "a label file in UTF-16",
        labels("01".encode("utf-16")),
        1,
        _EMPTY,
        _FILE,
    ),
    DatasetCase(
        "labelshuge",
        "a label file of more than 256 MB",
        huge_labels,
        64,
        "the label file cannot be read",
        _FILE,
    ),
    DatasetCase(
        "labelscomments", "a label file with comments", labels(b"# all\n01\n#02\n"), 1, _EMPTY, _FILE
    ),
    DatasetCase(
        "labelsempty", "an empty label file", labels(b"\n"), 64, "the file contains no labels", _FILE
    ),
    DatasetCase(
        "labelsmissing",
        "a label file that does not exist",
        bool,
        18,
        "(there is no such file either)",
        _FILE,
    ),
    DatasetCase(
        "labelscomma",
        "labels separated by commas",
        bool,
        18,
        "(separate labels by blanks)",
        ("--participant-label", "01,02"),
    ),
    DatasetCase(
        "labelsquoted",
        "two labels in one pair of quotation marks",
        bool,
        18,
        "each a word of its own",
        ("--participant-label", "01 02"),
    ),
    DatasetCase(
        "labelsession",
        "--participant-label with the label of a session",
        bool,
        18,
        "no such participant: ses-01 (labels with ses- belong to --session-label)",
        ("--participant-label", "ses-01"),
    ),
    DatasetCase(
        "sessionlabel",
        "--session-label with the label of a participant",
        lambda r: (r / "sub-01" / "ses-01").mkdir(),
        18,
        "no such session: sub-01 (labels with sub- belong to --participant-label)",
        ("--session-label", "sub-01"),
    ),
    DatasetCase(
        "labellong",
        "a label of 5,000 letters",
        bool,
        18,
        "no such participant",
        ("--participant-label", "l" * 5000),
    ),
    DatasetCase(
        "labeldots",
        "a label that points outside the dataset",
        bool,
        18,
        "no such participant",
        ("--participant-label", "../.."),
    ),
)
