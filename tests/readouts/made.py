"""Small readouts made by hand, whose scores can be computed on paper."""

from dataclasses import replace

from neurofm_bids.readouts.readout import (
    FORMAT_VERSION,
    Baseline,
    Cloud,
    Evaluation,
    Linear,
    Metric,
    Readout,
    Training,
)
from neurofm_bids.readouts.task import Task, Times
from neurofm_bids.records.columns import feature_columns
from neurofm_bids.records.origin import origin_of
from neurofm_bids.records.signature import signed
from tests.samples import scan_record

PERCENTILES = tuple(float(i) for i in range(101))
RISES = tuple(i / 10 - 5 for i in range(101))  # from -5 to 5
CLOUD = Cloud((0.0, 0.0), (1.0, 2.0), ((1.0, 0.0),), (4.0,), 1.0, tuple(i / 10 for i in range(101)))
CLASSES = {"binary": ("control", "MDD"), "multiclass": ("A", "B", "C"), "ordinal": ("low", "mid", "high")}


def made_readout(kind="regression", name=None, *, competing=False, **changes):
    """Return a readout of two features, f000 and f001; ``changes`` replace its fields."""
    task = Task(
        name or {"regression": "raven", "binary": "depression"}.get(kind, kind.replace("-", "_")),
        {"regression": "cognitive", "binary": "clinical", "ordinal": "socio-behavioural"}.get(
            kind, "developmental"
        ),
        kind,
        "target",
        description="Something measured",
        units="points" if kind == "regression" else "",
        positive="MDD" if kind == "binary" else None,
        times=Times("time", "1", "2" if competing else None) if kind == "time-to-event" else None,
    )
    one, other = Linear(1.0, (1.0, -2.0)), Linear(-1.0, (0.5, 0.0))
    functions = {"multiclass": (one, other, Linear(0.0, (0.0, 0.0)))}.get(
        kind, (one, other) if competing else (one,)
    )
    baseline = Baseline((1.0, 2.0, 5.0), (0.02, 0.05, 0.2))
    readout = Readout(
        FORMAT_VERSION,
        "0.1",
        None,
        task,
        origin_of(scan_record()),
        "latent",
        ("f000", "f001"),
        (),
        CLASSES.get(kind, ()),
        functions,
        (-1.0, 1.0) if kind == "ordinal" else (),
        (),
        (baseline,) * len(functions) if kind == "time-to-event" else (),
        None,
        4.0 if kind == "regression" else None,
        RISES,
        CLOUD,
        Training("A", "20 students", 20, 20, age_range=(18.0, 40.0)),
        Evaluation({"r": Metric(0.1, (-0.2, 0.4))}),
    )
    return signed(replace(readout, **changes))


def with_replicates(readout, *shifts):
    """Return a readout whose replicates differ from it by these shifts of the intercepts."""
    replicates = tuple(
        tuple(replace(one, intercept=one.intercept + shift) for one in readout.functions) for shift in shifts
    )
    of_replicates = (readout.thresholds,) * len(shifts) if readout.thresholds else ()
    return signed(replace(readout, replicates=replicates, replicate_thresholds=of_replicates))


def all_features(size, **changes):
    """Return a readout of so many latent features."""
    zeros, ones = (0.0,) * size, (1.0,) * size
    return made_readout(
        features=feature_columns(size),
        functions=(Linear(1.0, tuple(1 / (1 + i) for i in range(size))),),
        cloud=Cloud(zeros, ones, (), (), 1.0, CLOUD.distances),
        **changes,
    )
