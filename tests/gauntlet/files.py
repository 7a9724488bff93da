"""Makers of odd files and names, and of odd sidecars beside a good or an empty image.

A maker takes the usual place of the T1w and a good brain, and writes what is odd.
"""

import os
import shutil

import nibabel as nib


def good(path, brain):
    nib.save(brain, path)


def empty(path, _):
    path.write_bytes(b"")


def folder(path, brain):
    path.mkdir()
    nib.save(brain, path / path.name)


def circle(path, _):
    path.symlink_to(path.name)


def nowhere(path, _):
    path.symlink_to("../../../elsewhere/T1w.nii.gz")


def fifo(path, _):
    os.mkfifo(path)


def annex_file(path, _):
    path.write_text("/annex/objects/MD5E-s9000--0123456789abcdef.nii.gz\n")


def annex_link(path, _):
    path.symlink_to("../../.git/annex/objects/XX/YY/MD5E-s9--0.nii.gz/MD5E-s9--0.nii.gz")


def lfs_pointer(path, _):
    path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9000000\n")


def named(name, make=good):
    """Write the image under another name in the same folder."""
    return lambda path, brain: make(path.with_name(name), brain)


def in_session(session, name):
    """Write the image under a name in the folder of a session."""

    def make(path, brain):
        anat = path.parents[1] / session / "anat"
        anat.mkdir(parents=True)
        good(anat / name, brain)

    return make


def both(*makers):
    def make(path, brain):
        for maker in makers:
            maker(path, brain)

    return make


def in_folder(subject, name, make=good):
    """Write the image in the folder of another participant, which is ``subject``."""

    def maker(path, brain):
        anat = path.parents[2] / subject / "anat"
        shutil.rmtree(path.parents[1])
        anat.mkdir(parents=True, exist_ok=True)
        make(anat / name, brain)

    return maker


def sidecar(content, make=good):
    """Write the image with a sidecar of these bytes, or made by a function of its path."""

    def maker(path, brain):
        make(path, brain)
        beside = path.with_name(path.name.split(".")[0] + ".json")
        if callable(content):
            content(beside, brain)
        else:
            beside.write_bytes(content)

    return maker
