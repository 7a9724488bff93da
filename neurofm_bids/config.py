"""The settings of one run: each option is one field, from which parser, documentation and hash are made."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Any

from neurofm_bids.analysis_options import Analyses
from neurofm_bids.centile_options import Centiles
from neurofm_bids.cluster_options import Cluster, Shard, shard
from neurofm_bids.derivative_options import DERIVATIVES, given_derivative
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.named_path import NamedPath
from neurofm_bids.option import WholeNumber, option, options_by_section, options_of
from neurofm_bids.readout_options import Readouts
from neurofm_bids.resource_options import Resources
from neurofm_bids.running_options import BOTH_STAGES, ENCODE, PREPROCESS, STAGES, Running

__all__ = [
    "ALL_OR_NONE",
    "ALL_TARGETS",
    "ANATOMY_PHASES",
    "BOTH_STAGES",
    "ENCODE",
    "EXCLUSIVE",
    "GROUPS",
    "LEVELS",
    "MAX_VIEWS",
    "N_PHASES",
    "PRECISIONS",
    "PREPROCESS",
    "STAGES",
    "TEMPLATE",
    "Analyses",
    "Centiles",
    "Cluster",
    "Config",
    "Outputs",
    "Processing",
    "Readouts",
    "Resources",
    "Running",
    "Selection",
]

TEMPLATE, ALL_TARGETS = "MNI152NLin2009cAsym", "all"
ANATOMY_PHASES = (1, 2, 8)  # numbers of lattices that a segmentation can read
MAX_VIEWS, N_PHASES = 64, 8  # a lattice of every second voxel has eight places
LEVELS = ("participant", "group")  # in the order in which they run
PRECISIONS = ("float32", "bfloat16")  # of the network

_QUERIES, _PREPROCESSING = "Options for filtering BIDS queries", "Options for preprocessing"
_MODEL, _ANATOMY = "Options for the model", "Options for the segmentation"
_ATTRIBUTION, _OUTPUTS = "Options for attribution", "Options for outputs"


@dataclass(frozen=True)
class Selection:
    """Which scans of the dataset are processed."""

    participant_label: tuple[str, ...] = option(
        "--participant-label",
        default=(),
        section=_QUERIES,
        many=True,
        metavar="LABEL",
        help="participants, with or without the sub- prefix, or a file of labels such as participants.tsv",
    )
    session_label: tuple[str, ...] = option(
        "--session-label",
        "--session-id",
        default=(),
        many=True,
        metavar="LABEL",
        help="sessions, with or without the ses- prefix, or a file with one label per line",
    )
    bids_filter_file: Path | None = option(
        "--bids-filter-file",
        default=None,
        convert=Path,
        metavar="FILE",
        help='JSON file such as {"t1w": {"acquisition": "mprage"}}; "*" matches any value, null its absence',
    )
    skip_bids_validation: bool = option(
        "--skip-bids-validation", default=False, help="do not check dataset_description.json"
    )
    shard: Shard | None = option(
        "--shard",
        default=None,
        convert=shard,
        metavar="I/N",
        help="process part I of N, from 1 to N: all scans of a participant are in one part",
    )
    index: Path | None = option(
        "--index",
        default=None,
        convert=Path,
        metavar="FILE",
        help="list of the images that neurofm-tools index or --executor made: the dataset is not searched",
    )


@dataclass(frozen=True)
class Processing:
    """What is computed from a scan, and on which device."""

    skull_strip: str = option(
        "--skull-strip",
        default="auto",
        section=_PREPROCESSING,
        choices=("auto", "force", "skip", DERIVATIVES),
        changes_results=True,
        default_text=f"auto, {DERIVATIVES} with --derivatives",
        help="auto detects images that are already skull-stripped and leaves them unchanged; derivatives "
        "takes the brain masks of --derivatives",
    )
    bias_correction: str = option(
        "--bias-correction",
        default="n4",
        choices=("n4", "none", DERIVATIVES),
        changes_results=True,
        help="bias-field correction; derivatives takes the bias-corrected T1w of --derivatives",
    )
    derivatives: tuple[NamedPath, ...] = option(
        "--derivatives",
        "-d",
        default=(),
        many=True,
        convert=given_derivative,
        metavar="NAME=PATH",
        help="outputs of fMRIPrep, sMRIPrep, FastSurfer or SynthStrip whose brain masks are used, such as "
        "fmriprep=/data/fmriprep; of several, the first that has an image of a scan",
    )
    encode_space: str = option(
        "--encode-space",
        default="rigid",
        choices=("rigid", "native"),
        changes_results=True,
        help="space in which the brain is encoded: rigidly aligned to the template, or as scanned",
    )
    template: str = option(
        "--template",
        default=TEMPLATE,
        changes_results=True,
        metavar="NAME",
        help="registration target; templates other than the default need TemplateFlow",
    )
    model: str = option(
        "--model",
        default="open-s",
        section=_MODEL,
        metavar="NAME",
        help="open-s is bundled; the published neurofm-s, neurofm-m and neurofm-l are gated: fetch their "
        "weights, or pass a file with --weights (neurofm-tools weights list shows all models)",
    )
    weights: Path | None = option(
        "--weights",
        default=None,
        convert=Path,
        metavar="FILE",
        help="file with the weights of the model (.h5 or .safetensors)",
    )
    views: int = option(
        "--views",
        default=N_PHASES,
        convert=WholeNumber(highest=MAX_VIEWS),
        changes_results=True,
        metavar="N",
        help=f"test-time augmentation: passes averaged per scan, 1 to {MAX_VIEWS} (the {N_PHASES} lattice "
        "phases, then small rotations and shifts); 1 is the published single pass, without intervals",
    )
    precision: str = option(
        "--precision",
        default="float32",
        choices=PRECISIONS,
        changes_results=True,
        help="precision of the network; bfloat16 is faster where supported, but less exact",
    )
    device: str = option("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps")
    batch_size: int | None = option(
        "--batch-size",
        default=None,
        convert=WholeNumber(),
        metavar="N",
        default_text="1 on a CPU, 8 on a GPU",
        help="number of passes computed together",
    )
    no_anatomy: bool = option(
        "--no-anatomy",
        default=False,
        section=_ANATOMY,
        changes_results=True,
        help="leave out the segmentation of the brain and the volumes of its regions",
    )
    anatomy_phases: int = option(
        "--anatomy-phases",
        default=2,
        convert=int,
        choices=ANATOMY_PHASES,
        changes_results=True,
        help="number of 2 mm lattices of the 1 mm model grid that the segmentation reads; 8 read every voxel",
    )
    attribution: tuple[str, ...] = option(
        "--attribution",
        default=(),
        section=_ATTRIBUTION,
        many=True,
        bare=(ALL_TARGETS,),
        metavar="TARGET",
        help="map what each place of the brain contributes to these targets of the model, such as age, or to "
        "readouts of its features given by --readouts; without names, to all targets",
    )

    def __post_init__(self) -> None:
        for item, declared in options_of(type(self)):
            value = getattr(self, item.name)
            if declared.choices and value not in declared.choices:
                allowed = ", ".join(map(str, declared.choices))
                raise NeuroFMError(f"{item.name} is {value!r}", fix=f"Use one of {allowed}.", code=Exit.USAGE)

    @property
    def parameters(self) -> dict[str, Any]:
        """The settings that change results, by name."""
        return {f.name: getattr(self, f.name) for f, o in options_of(type(self)) if o.changes_results}

    @property
    def of_preprocessing(self) -> dict[str, Any]:
        """Those of :attr:`parameters` that change the images which the networks read."""
        sections = ((item.name, section) for section, item, _ in options_by_section(type(self)))
        names = {name for name, section in sections if section == _PREPROCESSING}
        return {name: value for name, value in self.parameters.items() if name in names}

    @property
    def parameters_hash(self) -> str:
        """SHA-256 of :attr:`parameters` as sorted JSON."""
        return hashlib.sha256(json.dumps(self.parameters, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Outputs:
    """What is written."""

    output_images: bool = option(
        "--output-images",
        default=False,
        section=_OUTPUTS,
        help="also write the bias-corrected T1w and the input volume of the network",
    )
    force: bool = option("--force", default=False, help="reprocess scans that are up to date")
    reports_only: bool = option(
        "--reports-only", default=False, help="only regenerate the reports, from existing outputs"
    )
    include_failed: bool = option(
        "--include-failed",
        default=False,
        help="at the group level, also compute statistics from scans whose quality is judged as fail",
    )
    pdf: bool = option(
        "--pdf",
        default=False,
        help="at the participant level, also print reports to PDF, with Chromium or Chrome",
    )


# Options that exclude each other, and options that need each other.
EXCLUSIVE = (("--force", "--reports-only"),)
ALL_OR_NONE = (("--make-reference", "--reference-participants"),)


@dataclass(frozen=True)
class Config:
    """Everything a run needs to know; see ``neurofm --help`` for what each option means."""

    bids_dir: Path
    out_dir: Path
    levels: tuple[str, ...] = LEVELS[:1]
    selection: Selection = field(default_factory=Selection)
    processing: Processing = field(default_factory=Processing)
    outputs: Outputs = field(default_factory=Outputs)
    centiles: Centiles = field(default_factory=Centiles)
    readouts: Readouts = field(default_factory=Readouts)
    analyses: Analyses = field(default_factory=Analyses)
    resources: Resources = field(default_factory=Resources)
    cluster: Cluster = field(default_factory=Cluster)
    running: Running = field(default_factory=Running)
    command: str = ""


GROUPS: dict[str, type] = {
    name: type(value) for name, value in vars(Config(Path(), Path())).items() if is_dataclass(value)
}
