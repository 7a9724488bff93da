"""Least squares with errors that hold where scans differ in their variance, or belong to the same people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["RobustFit", "robust_fit"]

_Array = npt.NDArray[np.float64]

_DETERMINED = 1 - 1e-6  # leverage


@dataclass(frozen=True)
class RobustFit:
    """Estimates of the first k terms of a linear model.

    Parameters
    ----------
    estimates, lower95, upper95, p
        Shape (k,).
    p_joint
        Of the hypothesis that all k are zero.
    partial_r
        Correlation of outcome and term when both are adjusted for all other terms, shape (k,).
    errors
        ``HC3`` (MacKinnon and White 1985), or ``cluster``: robust to equal people.
    """

    estimates: _Array
    lower95: _Array
    upper95: _Array
    p: _Array
    p_joint: float
    partial_r: _Array
    errors: str


def robust_fit(outcome: _Array, tested: _Array, others: _Array, people: npt.NDArray[np.intp]) -> RobustFit:
    """Return what a linear model of an outcome says of some terms, adjusted for others and a constant.

    Parameters
    ----------
    outcome
        Shape (n,).
    tested, others
        Linearly independent terms, shapes (n, k) and (n, m).
    people
        Number of the person of each row, shape (n,): standard errors are HC3 if all differ, and otherwise
        cluster-robust with one degree of freedom less than there are people.

    Raises
    ------
    ValueError
        A person alone determines an estimate, so that its error is not known.
    """
    from statsmodels.regression.linear_model import OLS

    k, scale = tested.shape[1], tested.std(axis=0)
    terms = np.column_stack([tested, others])
    terms = (terms - terms.mean(axis=0)) / terms.std(axis=0)
    design = np.column_stack([terms, np.ones(len(outcome))])
    if _greatest_leverage(design, people) > _DETERMINED:
        raise ValueError("the values of one participant alone determine an estimate")
    model = OLS(outcome, design)
    repeated = len(np.unique(people)) < len(people)
    if repeated:
        fit = model.fit(cov_type="cluster", cov_kwds={"groups": people}, use_t=True)
    else:
        fit = model.fit(cov_type="HC3", use_t=True)
    limits = fit.conf_int()[:k] / scale[:, None]
    t = model.fit().tvalues[:k]
    return RobustFit(
        estimates=fit.params[:k] / scale,
        lower95=limits[:, 0],
        upper95=limits[:, 1],
        p=fit.pvalues[:k],
        p_joint=float(fit.f_test(np.eye(k, terms.shape[1] + 1)).pvalue),
        partial_r=t / np.sqrt(t**2 + fit.df_resid),
        errors="cluster" if repeated else "HC3",
    )


def _greatest_leverage(design: _Array, people: npt.NDArray[np.intp]) -> float:
    """Return the greatest share that the rows of one person have in an estimate."""
    basis = np.linalg.qr(design)[0]
    order = np.argsort(people, kind="stable")
    starts = np.flatnonzero(np.diff(people[order], prepend=-1))
    products = basis[order][:, :, None] * basis[order][:, None, :]
    return float(np.linalg.eigvalsh(np.add.reduceat(products, starts, axis=0)).max())
