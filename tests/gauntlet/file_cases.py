"""The table of the gauntlet, second part: odd files, names and sidecars."""

from tests.gauntlet import files
from tests.gauntlet.case import Case

__all__ = ["FILES", "SIDECARS"]

_NAME = "the file name is not valid in BIDS"
_PLACE = "the file name does not match its folder"
_UNFETCHED = "the image has not been downloaded"
_NO_FILE = "this is not a regular file"
_JSON = "is not valid JSON"
_LONG = "l" * 180
_ODD_VALUES = (
    b'{"EchoTime": NaN, "RepetitionTime": 1e999, "FlipAngle": [9, -Infinity], '
    b'"InversionTime": {"a": null}, "Manufacturer": "\\ud800 GE"}'
)

FILES = (
    Case("good", "a good scan", files.good, "processed"),
    Case(
        "uni",
        "a UNIT1 image without a T1w image",
        files.named("sub-uni_UNIT1.nii.gz"),
        "flagged",
        "mp2rage_uni",
        "sub-uni/anat/sub-uni_UNIT1.nii.gz",
    ),
    Case("empty", "an empty file", files.empty, "refused", "the file is empty"),
    Case("folder", "a folder named like an image", files.folder, "refused", _NO_FILE),
    Case("circle", "a link to itself", files.circle, "refused", "link is circular"),
    Case("nowhere", "a broken link", files.nowhere, "refused", "link is broken"),
    Case("fifo", "a pipe", files.fifo, "refused", _NO_FILE),
    Case("annexfile", "a git-annex pointer", files.annex_file, "refused", _UNFETCHED),
    Case("annexlink", "a git-annex link without content", files.annex_link, "refused", _UNFETCHED),
    Case("lfs", "a git-lfs pointer", files.lfs_pointer, "refused", _UNFETCHED),
    Case(
        "Case", "participants sub-case and sub-Case: the first", files.empty, "refused", "the file is empty"
    ),
    Case(
        "case", "participants sub-case and sub-Case: the second", files.empty, "refused", "the file is empty"
    ),
    Case(
        "unicode",
        "a label with umlauts",
        files.in_folder("sub-ünï", "sub-ünï_T1w.nii.gz"),
        "refused",
        _NAME,
        "sub-ünï/anat/sub-ünï_T1w.nii.gz",
    ),
    Case(
        "space",
        "a label with a space",
        files.in_folder("sub-a b", "sub-a b_T1w.nii.gz"),
        "refused",
        _NAME,
        "sub-a b/anat/sub-a b_T1w.nii.gz",
    ),
    Case(
        "dots",
        "a label that points outside the folder",
        files.in_folder("sub-..", "sub-.._T1w.nii.gz"),
        "refused",
        _NAME,
        "sub-../anat/sub-.._T1w.nii.gz",
    ),
    Case(
        "dotted",
        "a label with a dot",
        files.in_folder("sub-good.2", "sub-good.2_T1w.nii.gz"),
        "refused",
        _NAME,
        "sub-good.2/anat/sub-good.2_T1w.nii.gz",
    ),
    Case(
        "markup",
        "a label with HTML",
        files.in_folder("sub-<b>", "sub-<b>_T1w.nii.gz"),
        "refused",
        _NAME,
        "sub-<b>/anat/sub-<b>_T1w.nii.gz",
    ),
    Case(
        "bytes",
        "a name that is not UTF-8",
        files.in_folder("sub-b\udcff", "sub-b\udcff_T1w.nii.gz"),
        "refused",
        _NAME,
        "sub-b\ufffd/anat/sub-b\ufffd_T1w.nii.gz",
    ),
    Case(
        "noentity",
        "a name without entities",
        files.named("T1w.nii.gz"),
        "refused",
        _NAME,
        "sub-noentity/anat/T1w.nii.gz",
    ),
    Case(
        "verylong",
        "a name that is too long for the outputs",
        files.named(f"sub-verylong_acq-{_LONG}_T1w.nii.gz"),
        "refused",
        "too long",
        f"sub-verylong/anat/sub-verylong_acq-{_LONG}_T1w.nii.gz",
    ),
    Case(
        "otherone",
        "the name of another participant",
        files.named("sub-good_T1w.nii.gz"),
        "refused",
        _PLACE,
        "sub-otherone/anat/sub-good_T1w.nii.gz",
    ),
    Case(
        "othersession",
        "the name of another session",
        files.in_session("ses-a", "sub-othersession_ses-b_T1w.nii.gz"),
        "refused",
        _PLACE,
        "sub-othersession/ses-a/anat/sub-othersession_ses-b_T1w.nii.gz",
    ),
    Case(
        "nosession",
        "a session in the folder, none in the name",
        files.in_session("ses-a", "sub-nosession_T1w.nii.gz"),
        "refused",
        _PLACE,
        "sub-nosession/ses-a/anat/sub-nosession_T1w.nii.gz",
    ),
    Case(
        "twice",
        "an entity twice",
        files.named("sub-twice_run-1_run-2_T1w.nii.gz"),
        "refused",
        "twice",
        "sub-twice/anat/sub-twice_run-1_run-2_T1w.nii.gz",
    ),
    Case(
        "derived",
        "an entity for derivatives only",
        files.named("sub-derived_desc-x_T1w.nii.gz"),
        "refused",
        "derivatives",
        "sub-derived/anat/sub-derived_desc-x_T1w.nii.gz",
    ),
    Case(
        "twin",
        "the same scan as .nii and .nii.gz: the second file",
        files.both(files.empty, files.named("sub-twin_T1w.nii", files.empty)),
        "refused",
        "would overwrite those of sub-twin_T1w.nii",
    ),
    Case(
        "runs",
        "two runs of the same image",
        files.both(files.named("sub-runs_run-1_T1w.nii.gz"), files.named("sub-runs_run-2_T1w.nii.gz")),
        "processed",
        "",
        "sub-runs/anat/sub-runs_run-1_T1w.nii.gz",
        slow=True,
    ),
)

SIDECARS = (
    Case("jsoncut", "a truncated sidecar", files.sidecar(b'{"EchoTime": '), "refused", _JSON),
    Case("jsonlist", "a sidecar that is a list", files.sidecar(b"[1, 2]"), "refused", "is not a JSON object"),
    Case(
        "jsonbytes",
        "a sidecar that is not UTF-8",
        files.sidecar(b'{"Manufacturer": "\xff\xfe"}'),
        "refused",
        _JSON,
    ),
    Case(
        "jsondeep",
        "a sidecar nested 100,000 deep",
        files.sidecar(b'{"a": ' + b"[" * 100_000),
        "refused",
        _JSON,
    ),
    Case("jsonfifo", "a pipe instead of a sidecar", files.sidecar(files.fifo), "refused", "the sidecar"),
    Case(
        "jsonlink",
        "a sidecar that has not been downloaded",
        files.sidecar(files.annex_link),
        "refused",
        "the sidecar",
    ),
    Case(
        "jsonodd",
        "NaN, lists and huge numbers in a sidecar",
        files.sidecar(_ODD_VALUES),
        "processed",
    ),
)
