"""The table of the gauntlet, fourth part: names of images, and what is processed where there are several."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["NAMES", "NameCase"]


@dataclass(frozen=True)
class NameCase:
    """One image of the participant sub-01.

    Parameters
    ----------
    name
        File name without ``sub-01_``, or a path in the folder of the participant.
    outcome
        ``processed``, ``skipped``, ``refused`` or ``not listed``.
    says
        The reason.
    beside
        Further files, named in the same way.
    filters
        The section ``t1w`` of the filter file.
    bidsignore
        Content of ``.bidsignore``.
    listed
        The path by which a run lists it, if that is not the image.
    """

    name: str
    outcome: str = "processed"
    says: str = ""
    beside: tuple[str, ...] = ()
    filters: Mapping[str, Any] = field(default_factory=dict)
    bidsignore: str = ""
    listed: str = ""

    @property
    def what(self) -> str:
        """The input in words, for the documentation."""
        parts = [f"`{name}`" for name in self.beside]
        beside = f" beside {' and '.join(parts)}" if parts else ""
        filters = f", filter `{json.dumps(self.filters)}`" if self.filters else ""
        ignored = f", `{self.bidsignore}` in `.bidsignore`" if self.bidsignore else ""
        return f"`{self.name}`{beside}{filters}{ignored}"

    @property
    def expected(self) -> str:
        """The outcome in words, for the documentation."""
        if self.outcome == "not listed":
            return "ignored"
        return f"{self.outcome}: {self.says}" if self.says else self.outcome


_PART, _ECHO, _UNI = "not a T1w image by itself", "is used", "UNIT1: there is a T1w image"
_OPTIONAL = "Query.OPTIONAL"
_RENAME, _DERIVED = "the file name is not valid in BIDS", "which only derivatives have"
_FOLDER, _OUTSIDE = "the file name does not match its folder", "the image is not in a folder anat"
_MORE = "the file name has more than an extension after T1w or UNIT1"
_NO_ANAT = "there is no folder anat"

NAMES = (
    # suffix and extension
    NameCase("T1w.nii.gz"),
    NameCase("T1w.nii"),
    NameCase("UNIT1.nii.gz", says="with the flag `mp2rage_uni`"),
    NameCase("UNIT1.nii.gz", "skipped", _UNI, ("T1w.nii.gz",)),
    NameCase("UNIT1.nii.gz", beside=("T1w.nii.gz",), filters={"suffix": "UNIT1"}),
    NameCase("UNIT1.nii.gz", beside=("T1w.nii.gz",), filters={"suffix": ["T1w", "UNIT1"]}),
    NameCase(
        "UNIT1.nii.gz",
        "skipped",
        f'{_UNI}, which is not selected (to process the UNIT1 image, add "suffix": "UNIT1" to the filter '
        "file)",
        ("run-1_T1w.nii.gz",),
        {"run": None},
    ),
    NameCase("UNIT1.nii.gz", beside=("inv-1_T1w.nii.gz",)),
    NameCase("UNIT1.nii.gz", beside=("T1W.nii.gz",)),
    NameCase("UNIT1.nii.gz", beside=("desc-x_T1w.nii.gz",)),
    NameCase("ses-b/anat/sub-01_ses-b_UNIT1.nii.gz", beside=("ses-a/anat/sub-01_ses-a_T1w.nii.gz",)),
    NameCase(
        "UNIT1.nii.gz",
        "skipped",
        "--bids-filter-file excludes the only image",
        filters={"suffix": "T1w"},
        listed="sub-01",
    ),
    NameCase("T2w.nii.gz", "skipped", "anat has T2w only", listed="sub-01"),
    NameCase("inv-1_MP2RAGE.nii.gz", "skipped", "anat has MP2RAGE only", listed="sub-01"),
    NameCase("T1map.nii.gz", "skipped", "anat has T1map only", listed="sub-01"),
    NameCase("func/sub-01_bold.nii.gz", "skipped", _NO_ANAT, listed="sub-01"),
    NameCase("T1w.json", "skipped", "there is no image in anat", listed="sub-01"),
    NameCase(
        "ses-b/anat/sub-01_ses-b_T2w.nii",
        "skipped",
        "anat has T2w only",
        ("ses-a/anat/sub-01_ses-a_T1w.nii",),
        listed="ses-b",
    ),
    NameCase(
        "ses-b/func/sub-01_ses-b_bold.nii",
        "skipped",
        _NO_ANAT,
        ("ses-a/anat/sub-01_ses-a_T1w.nii",),
        listed="ses-b",
    ),
    NameCase("T1W.nii.gz", "refused", "the suffix is T1W, not T1w"),
    NameCase("t1w.nii", "refused", "the suffix is t1w, not T1w"),
    NameCase("unit1.nii.gz", "refused", "the suffix is unit1, not UNIT1"),
    NameCase("T1w.NII.GZ", "refused", "the extension is .NII.GZ, not .nii.gz"),
    NameCase("T1w.nii.bz2", "refused", "the extension is .nii.bz2, which BIDS does not allow"),
    NameCase("T1w.nii.gz.gz", "refused", "the extension is .nii.gz.gz, which BIDS does not allow"),
    NameCase("T1w.dcm", "refused", "the extension is .dcm, which BIDS does not allow"),
    NameCase("T1w.mgz", "refused", "the extension is .mgz, which BIDS does not allow"),
    NameCase("T1w.img", "refused", "the extension is .img, which BIDS does not allow"),
    NameCase("T1w.nii.gz", "refused", "its outputs would overwrite those of sub-01_T1w.nii", ("T1w.nii",)),
    # entities
    NameCase("acq-x_run-2_T1w.nii.gz", beside=("acq-x_run-1_T1w.nii.gz", "acq-y_T1w.nii.gz")),
    NameCase("ce-gadolinium_T1w.nii.gz", beside=("T1w.nii.gz",)),
    NameCase("rec-norm_T1w.nii.gz", beside=("T1w.nii.gz",)),
    NameCase("part-mag_T1w.nii.gz"),
    *(NameCase(f"part-{part}_T1w.nii.gz", "skipped", _PART) for part in ("phase", "real", "imag")),
    NameCase("part-phase_UNIT1.nii.gz", "skipped", _PART),
    NameCase("part-real_T1w.nii.gz", filters={"part": "real"}),
    NameCase("inv-2_T1w.nii.gz", "skipped", _PART),
    NameCase("inv-2_T1w.nii.gz", filters={"inv": 2}),
    NameCase("echo-1_T1w.nii.gz", beside=("echo-2_T1w.nii.gz",)),
    NameCase("echo-2_T1w.nii.gz"),
    NameCase("echo-2_T1w.nii.gz", "skipped", f"echo-2: echo-1 {_ECHO}", ("echo-1_T1w.nii.gz",)),
    NameCase("echo-10_T1w.nii.gz", "skipped", f"echo-10: echo-9 {_ECHO}", ("echo-9_T1w.nii.gz",)),
    NameCase("echo-1_T1w.nii.gz", "skipped", f"echo-1: the image without echo- {_ECHO}", ("T1w.nii.gz",)),
    *(
        NameCase("echo-1_T1w.nii.gz", "skipped", f"echo-1: the image without echo- {_ECHO}", (other,))
        for other in ("rec-RMS_T1w.nii.gz", "part-mag_T1w.nii.gz")
    ),
    NameCase("rec-RMS_T1w.nii.gz", beside=("echo-1_T1w.nii.gz",)),
    NameCase("rec-x_echo-2_T1w.nii.gz", beside=("rec-y_echo-1_T1w.nii.gz",)),
    NameCase("echo-1_T1w.nii.gz", beside=("T1W.nii.gz",)),
    NameCase("echo-2_T1w.nii.gz", beside=("run-1_echo-1_T1w.nii.gz",)),
    NameCase("echo-2_T1w.nii.gz", beside=("echo-1_T1w.nii.gz",), filters={"echo": 2}),
    NameCase("desc-x_T1w.nii.gz", "refused", f"the file name has desc-, {_DERIVED}"),
    NameCase("space-MNI_T1w.nii.gz", "refused", f"the file name has space-, {_DERIVED}"),
    NameCase("run_T1w.nii.gz", "refused", _RENAME),
    NameCase("ses-a_T1w.nii.gz", "refused", _FOLDER),
    # names that go on after the suffix
    NameCase("T1w_defaced.nii.gz", "skipped", _MORE),
    *(
        NameCase(name, "skipped", _MORE, ("T1w.nii.gz",))
        for name in (
            "T1w_brain.nii.gz",
            "T1w_2.nii.gz",
            "T1w (copy).nii.gz",
            "T1w_run-2.nii.gz",
            "T1w.nii.gz.tmp.nii.gz",
            "UNIT1_denoised.nii.gz",
        )
    ),
    NameCase("UNIT1_defaced.nii.gz", "skipped", _MORE, listed="sub-01"),
    NameCase("ses-b/anat/sub-01_ses-b_T1w_2.nii", "skipped", _MORE, ("ses-a/anat/sub-01_ses-a_T1w.nii",)),
    NameCase("T1w_2.nii.gz", "not listed", beside=("T1w.nii.gz",), bidsignore="*_2.nii.gz"),
    NameCase("mod-T1w_defacemask.nii.gz", "not listed", beside=("T1w.nii.gz",)),
    # folders
    NameCase("Anat/sub-01_T1w.nii.gz", "refused", "the folder is Anat, not anat"),
    NameCase("Anat/sub-01_run-2_T1w.nii", "refused", "the folder is Anat, not anat", ("T1w.nii",)),
    NameCase("./sub-01_T1w.nii.gz", "refused", _OUTSIDE),
    NameCase("ses-b/sub-01_ses-b_T1w.nii", "refused", _OUTSIDE, ("T1w.nii",)),
    NameCase("func/sub-01_T1w.nii.gz", "refused", _OUTSIDE),
    NameCase("func/sub-01_T1w.nii.gz", "not listed", beside=("T1w.nii.gz",)),
    NameCase("anat/deeper/sub-01_T1w.nii.gz", "refused", _OUTSIDE),
    NameCase("anat/deeper/sub-01_T1w.nii.gz", "not listed", beside=("T1w.nii.gz",)),
    NameCase("Ses-b/anat/sub-01_ses-b_T1w.nii", "refused", _FOLDER, ("ses-a/anat/sub-01_ses-a_T1w.nii",)),
    # filters that ask for nothing
    NameCase("part-phase_T1w.nii.gz", "skipped", _PART, filters={"part": _OPTIONAL}),
    NameCase("part-phase_T1w.nii.gz", "skipped", _PART, filters={"part": [None, "*"]}),
    NameCase("part-phase_T1w.nii.gz", filters={"part": "*"}),
    NameCase("part-real_T1w.nii.gz", filters={"part": [None, "real"]}),
    NameCase("inv-1_T1w.nii.gz", "skipped", _PART, filters={"inv": _OPTIONAL}),
    NameCase("inv-1_T1w.nii.gz", filters={"inv": [_OPTIONAL, 1]}),
    NameCase(
        "echo-2_T1w.nii.gz", "skipped", f"echo-2: echo-1 {_ECHO}", ("echo-1_T1w.nii.gz",), {"echo": _OPTIONAL}
    ),
    NameCase(
        "echo-1_T1w.nii.gz",
        "skipped",
        f"echo-1: the image without echo- {_ECHO}",
        ("T1w.nii.gz", "echo-2_T1w.nii.gz"),
        {"echo": [_OPTIONAL, 2]},
    ),
    NameCase("echo-2_T1w.nii.gz", beside=("T1w.nii.gz",), filters={"echo": [None, 2]}),
    NameCase("UNIT1.nii.gz", "skipped", _UNI, ("T1w.nii.gz",), {"suffix": _OPTIONAL}),
    NameCase("UNIT1.nii.gz", filters={"suffix": _OPTIONAL}),
    NameCase("UNIT1.nii.gz", beside=("T1w.nii.gz",), filters={"suffix": "*"}),
    # hidden files and .bidsignore
    NameCase("anat/._sub-01_T1w.nii.gz", "not listed"),
    NameCase("anat/.sub-01_T1w.nii.gz", "not listed"),
    NameCase("anat/~$sub-01_T1w.nii.gz", "not listed"),
    NameCase("anat/~$b-01_T1w.nii", "not listed"),
    NameCase("T1w.nii.gz~", "not listed"),
    NameCase("ses-a/._anat/sub-01_ses-a_T1w.nii.gz", "not listed"),
    NameCase("run-2_T1w.nii.gz", "skipped", "in .bidsignore", ("T1w.nii.gz",), bidsignore="*_run-2_T1w.*"),
    NameCase("T1w.nii.gz", "skipped", "in .bidsignore", bidsignore="sub-01/"),
    NameCase("T1w.nii.gz", "skipped", "in .bidsignore", bidsignore="sub-[[:digit:]]*"),
    NameCase("T1w.nii.gz", "skipped", "in .bidsignore", bidsignore="***/anat"),
    NameCase("T1w.nii.gz", bidsignore="/"),
    NameCase("T1w.nii.gz", bidsignore="sub-01//anat"),
    NameCase("UNIT1.nii.gz", beside=("T1w.nii.gz",), bidsignore="*_T1w.nii.gz"),
    # filters
    NameCase("T1w.nii.gz", beside=("run-1_T1w.nii.gz",), filters={"run": None}),
    NameCase("run-1_T1w.nii.gz", beside=("T1w.nii.gz",), filters={"run": "Query.REQUIRED"}),
    NameCase("run-1_T1w.nii.gz", filters={"run": "run-01"}),
    NameCase("T1w.nii.gz", filters={"run": "Query.OPTIONAL", "space": None, "desc": "Query.NONE"}),
    NameCase(
        "T1w.nii.gz", filters={"part": ["mag", None], "datatype": "anat", "extension": [".nii", ".nii.gz"]}
    ),
    NameCase(
        "T1w.nii.gz",
        "skipped",
        "--bids-filter-file excludes the only image",
        filters={"extension": ".nii"},
        listed="sub-01",
    ),
)
