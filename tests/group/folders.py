"""Output folders of shards and of sites, written by hand."""

import json

from tests.samples import write_scan

AGES = {"01": 31, "02": 42, "03": 53, "04": 64}


def write_dataset(root, *labels, name="", columns="age", rows="{age}"):
    """Write a dataset of some participants with images of their own, without the images' content."""
    for label in labels:
        (root / f"sub-{label}").mkdir(parents=True, exist_ok=True)
    lines = (f"sub-{label}\t{rows.format(age=AGES[label], label=label)}\n" for label in labels)
    (root / "participants.tsv").write_text(f"participant_id\t{columns}\n" + "".join(lines))
    about = {"Name": name, "BIDSVersion": "1.10.0"}
    (root / "dataset_description.json").write_text(json.dumps(about))
    return root


def write_folder(out, dataset, *stems, seed=0, **changes):
    """Write an output folder that links a dataset, with some of its scans."""
    for number, stem in enumerate(stems):
        write_scan(out, stem, seed=seed + number, **changes)
        (out / f"{stem.split('_')[0]}.html").write_text(f"report of {stem} in {out.name}")
    out.mkdir(parents=True, exist_ok=True)
    about = {"GeneratedBy": [{"Name": "NeuroFM-BIDS"}], "DatasetLinks": {"raw": f"../{dataset.name}"}}
    (out / "dataset_description.json").write_text(json.dumps(about))
    return out


def write_shards(root):
    """Write a dataset of four people and the output folders of its two shards, and return all three."""
    bids = write_dataset(root / "bids", "01", "02", "03", "04", name="Study")
    one = write_folder(root / "out_1", bids, "sub-01", "sub-03")
    return bids, one, write_folder(root / "out_2", bids, "sub-02", "sub-04", seed=2)


def write_sites(root):
    """Write two datasets with one label in common and their output folders, and return all four."""
    north = write_dataset(root / "north", "01", "02", name="North")
    south = write_dataset(
        root / "south", "01", "03", name="South", columns="Age\tgrip", rows="{age}\t1{label}"
    )
    one = write_folder(root / "out_n", north, "sub-01", "sub-02")
    return north, south, one, write_folder(root / "out_s", south, "sub-01", "sub-03", seed=2)
