"""The numbers that are attributed: targets of the model, and readouts of its latent features."""

from __future__ import annotations

from collections.abc import Sequence

from neurofm_bids.config import ALL_TARGETS
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.explain.readout import LinearReadout, TargetReadout, target_readouts
from neurofm_bids.model.registry import ModelSpec
from neurofm_bids.readouts.compatibility import refusal
from neurofm_bids.readouts.readout import Readout
from neurofm_bids.records.origin import Origin
from neurofm_bids.storage.text import nearest

__all__ = ["attributed", "linear_readouts"]

_FLAG = "--attribution"
_UNITS = {"time-to-event": "log hazard ratio"}  # of others that are no regression: 1, of logits


def attributed(
    spec: ModelSpec,
    names: Sequence[str],
    readouts: Sequence[LinearReadout] = (),
    offered: Sequence[str] = (),
) -> tuple[TargetReadout | LinearReadout, ...]:
    """Return the targets of a model and the readouts that names stand for.

    Parameters
    ----------
    offered
        Names of all readouts that were given, for the message of the error.

    Raises
    ------
    NeuroFMError
        Neither the model has a target of some name, nor is there a readout.
    """
    others = [one.name for one in readouts]
    of_model = [name for name in names if name not in others]
    choices = tuple(dict.fromkeys((*others, *offered)))
    try:
        return (*target_readouts(spec, of_model, choices), *readouts)
    except NeuroFMError as error:
        known = [*(head.name for head in spec.heads), *choices]
        likely = "".join(nearest(name, known) for name in of_model if name not in {*known, ALL_TARGETS})
        raise NeuroFMError(error.what, where=error.where, fix=likely + error.fix, code=error.code) from None


def linear_readouts(
    readouts: Sequence[Readout], names: Sequence[str], spec: ModelSpec, origin: Origin
) -> tuple[LinearReadout, ...]:
    """Return those of some readouts that names stand for, as linear functions of the latent features.

    What covariates add to a score does not depend on the image, and is left out.

    Parameters
    ----------
    origin
        How the features are made.

    Raises
    ------
    NeuroFMError
        A name is also that of a target of the model, or the readout is not one linear function of the latent
        features, or was fitted on features that were made otherwise.
    """
    wanted = [readout for readout in readouts if readout.task.name in names]
    targets = {head.name for head in spec.heads}
    for readout in wanted:
        if why := _refusal(readout, targets) or refusal(readout, origin):
            raise NeuroFMError(
                f"the readout {readout.task.name} cannot be attributed: {why}",
                where=_FLAG,
                fix="Leave it out, or fit it again on the latent features, under a name of its own.",
                code=Exit.USAGE,
            )
    return tuple(map(_linear, wanted))


def _refusal(readout: Readout, targets: set[str]) -> str:
    if readout.task.name in targets:
        return "the model has a target of this name"
    if readout.feature_set != "latent":
        return "it needs volumes of regions, which are no function of the network"
    if readout.harmonisation is not None:
        return "its features are harmonised by site, which is not known when a scan is processed"
    return "it has one function for each class" if readout.task.kind == "multiclass" else ""


def _linear(readout: Readout) -> LinearReadout:
    task, function = readout.task, readout.functions[0]
    title = task.description or f"Readout {task.name}"
    if task.kind == "binary":
        title = f"Logit of {readout.classes[1]}"
    units = task.units if task.kind == "regression" else _UNITS.get(task.kind, "1")
    return LinearReadout(
        task.name, title, units or "1", function.coefficients, function.intercept, readout.digest
    )
