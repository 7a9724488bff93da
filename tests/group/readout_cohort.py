"""A cohort in whose features a value and a class can be read."""

import numpy as np

from tests.norms.people import record_of, typical
from tests.samples import write_scan

PEOPLE = 44

TASKS = """
[[task]]
name = "value"
domain = "cognitive"
kind = "regression"
target = "value"
covariates = ["age", "sex"]

[[task]]
name = "diagnosis"
domain = "clinical"
kind = "binary"
target = "group"
positive = "patient"

[[task]]
name = "rare"
domain = "clinical"
kind = "binary"
target = "rare"
positive = "b"
"""


def write_cohort(root, failed=()):
    """Write the outputs and tables of people; some scans fail. Return the folder."""
    lines = ["participant_id\tage\tsex\tgroup\tvalue\trare"]
    rng = np.random.default_rng(0)
    for number, (age, sex, _, volumes) in enumerate(typical(5, PEOPLE), start=1):
        subject = f"{number:02d}"
        record = record_of(volumes)
        changes = {name: getattr(record, name) for name in ("anatomy", "provenance", "measurements")}
        changes |= {"predictions": record.predictions}
        if number in failed:
            changes["quality"] = type(record.quality)("fail", ("Too noisy.",))
        write_scan(root / "out", f"sub-{subject}", seed=number, **changes)
        (root / "bids" / f"sub-{subject}").mkdir(parents=True)
        first, second, *_ = np.random.default_rng(number).normal(size=12)  # as of write_scan
        group = "patient" if first + 0.3 * rng.normal() > 0 else "control"
        value = second + 0.3 * rng.normal()
        lines.append(f"sub-{subject}\t{age:.2f}\t{sex}\t{group}\t{value:.4f}\t{'ab'[number < 3]}")
    (root / "bids" / "participants.tsv").write_text("\n".join(lines) + "\n")
    (root / "bids" / "dataset_description.json").write_text('{"Name": "Demo", "BIDSVersion": "1.9.0"}')
    (root / "tasks.toml").write_text(TASKS)
    return root
