"""The pictures of a scan in its report: figures with captions and keys, and the image of the viewer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from neurofm_bids.anatomy.labels import LABELS, label_names, volume_names
from neurofm_bids.records.dictionary import region_title
from neurofm_bids.report.contents import ScanReport
from neurofm_bids.report.embedding import Room, base64_of, data_uri
from neurofm_bids.report.figures import LABEL_COLOURS
from neurofm_bids.report.map_texts import MapText, maps_caption, texts_of

__all__ = ["Image", "Picture", "Pictures", "colour_key", "label_colours", "pictures_of"]

_Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Image:
    """A figure as an address, and its description."""

    uri: str
    alt: str


@dataclass(frozen=True)
class Picture:
    """One figure or two that can alternate: how (``contours``, ``pair`` or not), and what they show.

    ``key`` has the name and the colour of what is painted.
    """

    title: str
    caption: str
    images: tuple[Image, ...]
    flicker: str = ""
    maps: tuple[MapText, ...] = ()
    key: tuple[tuple[str, _Colour], ...] = ()


@dataclass(frozen=True)
class _Kind:
    """A figure of every scan: its files by name, texts, and how it alternates."""

    files: tuple[str, ...]
    title: str
    caption: str
    alts: tuple[str, ...]
    flicker: str = ""


_FIGURES = (
    _Kind(
        ("mask",),
        "Brain mask",
        "Red: the brain mask on the image as scanned. It follows the inside of the skull and includes the "
        "cerebrospinal fluid; it should neither cut into the brain nor include eyes, neck or dura.",
        ("Slices of the head with the outline of the brain mask in red",),
        "contours",
    ),
    _Kind(
        ("registration", "template"),
        "Registration to the template (affine)",
        "First: the image aligned to the template, with the template's contours. Second: the template with "
        "the contours of the aligned image. Red: brain mask. Blue: brightest third of the brain, mostly "
        "white matter. The affine is used only for this check: the image that the network reads is not "
        "scaled.",
        (
            "Slices of the aligned image with contours of the template",
            "The same slices of the template with contours of the aligned image",
        ),
        "pair",
    ),
    _Kind(
        ("attribution",),
        "Attribution",
        "",  # depends on the maps
        ("Slices of the brain with the places that raise (orange) and lower (blue) each prediction",),
    ),
    _Kind(
        ("bias",),
        "Bias correction",
        "Left: the image as scanned. Right: after correction. Tissue of one kind should be equally bright "
        "everywhere, on the right more so than on the left.",
        ("Three slices before and the same after bias correction",),
    ),
    _Kind(
        ("anatomy",),
        "Segmentation",
        "Regions of the segmentation in FreeSurfer's colours (key below), mixed with the grey of the image. "
        "Borders should follow cortex, ventricles and deep structures; left and right have the same colours.",
        ("Slices of the head painted with the segmented regions",),
    ),
    _Kind(
        ("grid",),
        "What the network reads",
        "Left: the part of the model grid (256^3 voxels of 1 mm) around the brain. Right: every second "
        "voxel, the lattice of one pass.",
        ("Three slices of the model grid, and the same of the lattice of one pass",),
    ),
)


_OF_MASKS = {  # captions of masks that are not our own, by method
    "none": "Red: the brain mask on the image, which was skull-stripped before: the mask is what the image "
    "has of the head. It should neither lack parts of the brain nor include eyes, neck or dura.",
    "derivatives": "Red: the brain mask of another program on the image as scanned. It may keep less of the "
    "cerebrospinal fluid than our own; it should neither cut into the brain nor include eyes, neck or dura.",
}


@dataclass(frozen=True)
class Pictures:
    """The pictures of one scan in its report, and the files that it has no room for."""

    pictures: tuple[Picture, ...] = ()
    attributed: tuple[Picture, ...] = ()
    viewer: str = ""
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Candidate:
    """Files of a scan that are shown together or not at all, and what they are shown as."""

    files: tuple[Path, ...]
    shown: Picture
    alts: tuple[str, ...] = ()
    kind: str = "pictures"


def pictures_of(scans: Sequence[ScanReport]) -> list[Pictures]:
    """Return the pictures of each scan; where not all have room, those that check a scan come first.

    Raises
    ------
    OSError
        A figure cannot be read.
    """
    room, found = Room(len(scans)), [Pictures() for _ in scans]
    offered = [list(_candidates(scan)) for scan in scans]
    for rank in range(max(map(len, offered), default=0)):
        for place, candidates in enumerate(offered):
            if rank < len(candidates):
                found[place] = _with(found[place], candidates[rank], room)
    return found


def _candidates(scan: ScanReport) -> Iterator[_Candidate]:
    """Yield what can be shown of a scan, the most important first."""
    stem = scan.record.scan.stem
    for kind in _FIGURES:
        paths = tuple(scan.figures[name] for name in kind.files if name in scan.figures)
        shown = Picture(kind.title, kind.caption, (), kind.flicker if len(paths) == len(kind.files) else "")
        if kind.files == ("mask",):
            method = scan.record.measurements.brain_extraction.method
            shown = replace(shown, caption=_OF_MASKS.get(method, shown.caption))
        alts = tuple(f"{alt}, {stem}" for alt in kind.alts[: len(paths)])
        if kind.files == ("attribution",):
            made = scan.record.attributions
            shown = replace(shown, caption=maps_caption(made), maps=texts_of(made))
            yield _Candidate(paths, shown, alts, "attributed")
        elif kind.files == ("anatomy",):
            yield _Candidate(paths, replace(shown, key=colour_key()), alts)
        else:
            yield _Candidate(paths, shown, alts)
    yield _Candidate(
        tuple(path for name, path in scan.figures.items() if name == "viewer"),
        Picture("Viewer", "", ()),
        kind="viewer",
    )


def _with(found: Pictures, candidate: _Candidate, room: Room) -> Pictures:
    """Return the pictures of a scan with one more, or with its files among those left out."""
    if not candidate.files:
        return found
    is_viewer = candidate.kind == "viewer"
    parts = [base64_of(path) if is_viewer else data_uri(path) for path in candidate.files]
    if not room.admit(parts):
        names = (path.name for path in candidate.files)
        return replace(found, left_out=(*found.left_out, *names))
    if is_viewer:
        return replace(found, viewer=parts[0])
    images = tuple(Image(uri, alt) for uri, alt in zip(parts, candidate.alts, strict=True))
    picture = replace(candidate.shown, images=images)
    if candidate.kind == "attributed":
        return replace(found, attributed=(*found.attributed, picture))
    return replace(found, pictures=(*found.pictures, picture))


def colour_key() -> tuple[tuple[str, _Colour], ...]:
    """Return name and colour of each structure of the segmentation, without side.

    >>> colour_key()[0]
    ('CSF', (60, 60, 60))
    """
    names, structures = label_names(), volume_names()
    return tuple(
        (region_title(structures[names[label.left]][0]), LABEL_COLOURS[label.left]) for label in LABELS[1:]
    )


def label_colours() -> list[tuple[int, str, _Colour]]:
    """Return code, name and colour of each label of the segmentation, both sides in one colour."""
    names = label_names()
    colours = {code: LABEL_COLOURS[code] for code in names if code in LABEL_COLOURS}
    left_of = {name.replace("Left-", "Right-", 1): code for code, name in names.items() if "Left-" in name}
    colours |= {code: LABEL_COLOURS[left_of[name]] for code, name in names.items() if name in left_of}
    return [
        (code, names[code].replace("-", " ").replace("_", " "), colours[code]) for code in sorted(colours)
    ]
