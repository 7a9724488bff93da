import os
from dataclasses import replace
from types import SimpleNamespace

import pytest

from neurofm_bids.bids.discovery import find_scans
from neurofm_bids.cluster_options import Cluster
from neurofm_bids.config import Config, Running
from tests.cluster.fake_slurm import FakeSlurm

LABELS = ["01", "02", "03", "04"]


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    fake = FakeSlurm(tmp_path / "fake")
    monkeypatch.setenv("PATH", f"{fake.folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("neurofm_bids.cluster.follow.PATIENCE", 0.2)
    monkeypatch.setattr("neurofm_bids.cluster.follow.PAUSES", (0.1, 1.0))
    return fake


@pytest.fixture
def config(bids_dataset, tmp_path, slurm):
    root = bids_dataset(*(f"sub-{label}/anat/sub-{label}_T1w.nii.gz" for label in LABELS))
    cluster = Cluster(executor="slurm", slurm_prefix=slurm.prefix, slurm_memory_gb=1.0)
    return Config(root, tmp_path / "out 50%", cluster=cluster, running=Running(work_dir=tmp_path / "work"))


@pytest.fixture
def make_job(slurm):
    """Return a function that makes what the engine has to know of a run."""

    def make(config, **running):
        config = replace(config, running=replace(config.running, **running))
        forgotten = []
        return SimpleNamespace(
            config=config,
            spec=SimpleNamespace(variant="s"),
            marker=lambda scan: slurm.folder / f"done-{scan.subject}",
            why=lambda scan: None if slurm.is_done(scan) else "not processed yet",
            is_done=slurm.is_done,
            forget=forgotten.append,
            forgotten=forgotten,
            scans=find_scans(config).scans,
        )

    return make
