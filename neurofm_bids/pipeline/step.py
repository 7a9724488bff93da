"""What every step of a scan does beside its work: record what it took, and why it failed."""

from __future__ import annotations

import errno
import json
import traceback
from pathlib import Path
from typing import Any

from nipype.interfaces.base import SimpleInterface

from neurofm_bids.engine.resource_usage import Meter
from neurofm_bids.engine.workers import MEMORY_FIX
from neurofm_bids.errors import ENDS_THE_RUN, Exit, NeuroFMError, os_error
from neurofm_bids.pipeline.nipype_graph import FAILURE, TIMING

__all__ = ["Step", "write_failure"]

_OUT_OF_MEMORY = ("t allocate memory", "cannot allocate", "unable to allocate", "bad_alloc", "bad allocation")


class Step(SimpleInterface):  # type: ignore[misc]
    """A step that records what it took, and why it failed."""

    def _run_interface(self, runtime: Any) -> Any:
        folder, meter = Path(runtime.cwd), Meter()
        try:
            self._results.update(self.compute(folder))
        except Exception as error:
            write_failure(folder, error)
            raise
        finally:
            (folder / TIMING).write_text(json.dumps(meter.read()))
        return runtime

    def compute(self, folder: Path) -> dict[str, str]:
        """Do the work in ``folder`` and return the outputs by name."""
        raise NotImplementedError


def write_failure(folder: Path, error: Exception) -> None:
    """Record one failure as JSON: reason, what to do, exit code of its kind, traceback if not foreseen."""
    known = _known(error, folder)
    if known is None:
        reason, fix = f"{type(error).__name__}: {error}", "Please report this with the crash file."
        trace, code = "".join(traceback.format_exception(error)), Exit.SOFTWARE
    else:
        # a path is that of the scan or of a work file: the failure names the scan already
        reason = known.what if isinstance(known.where, Path) and known.code == Exit.DATA else known.reason
        fix, trace, code = known.fix, "", known.code
    record = {"reason": reason, "fix": fix, "traceback": trace, "code": int(code)}
    (folder / FAILURE).write_text(json.dumps(record))


def _known(error: Exception, folder: Path) -> NeuroFMError | None:
    """Return what a user can act on in an error: of the scan, of memory, or of the disk."""
    if isinstance(error, NeuroFMError):
        return error
    if _is_lack_of_memory(error):
        return NeuroFMError("the memory that this process may use ran out", fix=MEMORY_FIX)
    if isinstance(error, OSError) and error.errno is not None:
        known = os_error(error, str(error.filename or folder))
        if error.errno not in ENDS_THE_RUN and folder.is_dir():
            known.code = Exit.DATA  # of this scan alone: its image, say, is gone
        return known
    return None


def _is_lack_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _OUT_OF_MEMORY)
