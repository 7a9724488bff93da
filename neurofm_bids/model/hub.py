"""Fetching published weights from Hugging Face, and the acceptance of their license.

``HF_TOKEN``, ``HF_HOME``, ``HF_ENDPOINT`` and ``HF_HUB_OFFLINE`` are honoured by huggingface_hub, which keeps
files in its cache: a file is there whole or not at all.
"""

from __future__ import annotations

import errno
import re
from pathlib import Path

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.registry import ModelSpec
from neurofm_bids.storage.atomic import file_sha256, write_json
from neurofm_bids.storage.text import read_json

__all__ = ["accept_license", "fetch", "fetched", "is_license_accepted"]

_SHA256 = re.compile(r"[0-9a-f]{64}")


def fetched(spec: ModelSpec) -> Path | None:
    """Return a model's weights in the cache, or None; nothing is downloaded."""
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(spec.repository, spec.file_on_hub)
    return Path(path) if isinstance(path, str) else None


def fetch(spec: ModelSpec, revision: str = "main") -> Path:
    """Download a model's weights into the cache, check them, and return their file.

    Raises
    ------
    NeuroFMError
        The hub cannot be reached (exit code 75), refuses (66), has no such file (66), the disk is full (74),
        or what came is not the file that was published (65): it is then removed.
    """
    from huggingface_hub import hf_hub_download

    if not spec.repository:
        raise NeuroFMError(f"{spec.name} is bundled", fix="No download is needed.", code=Exit.USAGE)
    try:
        path = Path(hf_hub_download(spec.repository, spec.file_on_hub, revision=revision))
    except Exception as error:
        raise _explained(error, spec) from error
    _check(path, spec)
    return path


def _check(path: Path, spec: ModelSpec) -> None:
    """Compare a file with the registry's hash, else with the one that the hub stated for it."""
    blob = path.resolve()
    expected = spec.sha256 or (blob.name if _SHA256.fullmatch(blob.name) else "")
    if not expected or file_sha256(path) == expected:
        return
    blob.unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    raise NeuroFMError(
        f"the download is not the published file (its SHA-256 is not {expected}); it was removed",
        where=f"{spec.repository}/{spec.file_on_hub}",
        fix="Fetch it again; if that does not help, ask the authors whether they changed it.",
    )


def _explained(error: Exception, spec: ModelSpec) -> NeuroFMError:
    """Return the error for a failed download and what to do."""
    from huggingface_hub import errors

    page = f"https://huggingface.co/{spec.repository}"
    where = f"{spec.repository}/{spec.file_on_hub}"
    if isinstance(error, errors.LocalEntryNotFoundError | errors.OfflineModeIsEnabled):
        return NeuroFMError(
            f"Hugging Face cannot be reached ({_first_line(error.__cause__ or error)})",
            where=where,
            fix="Fetch them on a computer with network access and set HF_HOME to the same folder here, "
            "or use a file with --weights.",
            code=Exit.TRY_AGAIN,
        )
    if isinstance(error, errors.EntryNotFoundError | errors.RevisionNotFoundError):
        return NeuroFMError(
            "Hugging Face has no such file or revision",
            where=where,
            fix=f"Download the file from {page}/tree/main and use it with --weights.",
            code=Exit.NO_INPUT,
        )
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.RepositoryNotFoundError) or status in {401, 403}:
        return NeuroFMError(
            "Hugging Face denies access to the weights",
            where=where,
            fix=f"Log in, accept the terms at {page}, create a token with read access at "
            "https://huggingface.co/settings/tokens and set HF_TOKEN to it.",
            code=Exit.NO_INPUT,
        )
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return NeuroFMError(
            "the disk is full",
            where=_home(),
            fix="Free some space, or set HF_HOME to another folder.",
            code=Exit.IO,
        )
    if isinstance(error, OSError) and error.errno in {errno.EACCES, errno.EROFS, errno.EPERM}:
        return NeuroFMError(
            "the cache cannot be written",
            where=_home(),
            fix="Set HF_HOME to another folder.",
            code=Exit.CANT_CREATE,
        )
    return NeuroFMError(
        f"the download failed ({type(error).__name__}: {_first_line(error)})",
        where=where,
        fix="Try again.",
        code=Exit.TRY_AGAIN,
    )


def _first_line(error: BaseException) -> str:
    return "".join(str(error).strip().splitlines()[:1])


def _home() -> Path:
    from huggingface_hub.constants import HF_HOME

    return Path(HF_HOME)


def _acceptances() -> Path:
    return _home() / "neurofm" / "accepted-licences.json"


def _accepted() -> set[str]:
    try:
        return set(read_json(_acceptances()))
    except (OSError, ValueError, TypeError):
        return set()


def is_license_accepted(spec: ModelSpec) -> bool:
    """Tell whether the license of a model was accepted on this machine before."""
    return spec.license in _accepted()


def accept_license(spec: ModelSpec) -> None:
    """Note that the license of a model was accepted."""
    write_json(_acceptances(), sorted({*_accepted(), spec.license}))
