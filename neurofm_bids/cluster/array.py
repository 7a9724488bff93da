"""An array of tasks that was submitted, as it is kept in a file that outlives the command."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from neurofm_bids.bids.discovery import Scan
from neurofm_bids.bids.index import list_images
from neurofm_bids.bids.index_file import read_index, write_index
from neurofm_bids.bids.names import LOGS
from neurofm_bids.cluster.script import Folder, array_arguments, array_script, task_settings
from neurofm_bids.cluster.sizing import Size
from neurofm_bids.cluster.slurm import submit
from neurofm_bids.config import Config
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.storage.atomic import write_json, write_text
from neurofm_bids.storage.text import read_json

__all__ = ["Array", "Round", "digest_of", "new_array", "unfinished_array"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Round:
    """Tasks that were submitted together.

    Parameters
    ----------
    job
        Number of the job.
    tasks
        Numbers of the tasks.
    memory_mb, minutes
        What each of them got: MiB, and the time limit.
    """

    job: str
    tasks: tuple[int, ...]
    memory_mb: int
    minutes: int


@dataclass
class Array:
    """Tasks that share the participants of an index.

    Parameters
    ----------
    folder
        Its files.
    subjects
        Labels of the participants, in the order in which tasks get them.
    tasks
        Number of the tasks.
    digest
        Of what the tasks do, see :func:`digest_of`.
    rounds
        What was submitted, at first all tasks.
    """

    folder: Folder
    subjects: tuple[str, ...]
    tasks: int
    digest: str
    rounds: list[Round] = field(default_factory=list)

    def task_of(self, scan: Scan) -> int | None:
        """Return the number of the task that processes a scan, None if it is not in the index."""
        return self._numbers.get(scan.subject)

    def __post_init__(self) -> None:
        self._numbers = {label: place % self.tasks + 1 for place, label in enumerate(self.subjects)}

    def submit(self, config: Config, tasks: Sequence[int], size: Size) -> None:
        """Submit some of the tasks, and remember that.

        Raises
        ------
        NeuroFMError
            SLURM does not accept them, or a file cannot be written.
        """
        write_text(self.folder.script, array_script(config, self.folder, self.tasks, size.memory_mb))
        job = submit(self.folder.script, array_arguments(config.cluster, self.folder, tasks, size))
        self.rounds.append(Round(job, tuple(tasks), size.memory_mb, size.minutes))
        self.save()

    def save(self, *, is_finished: bool = False) -> None:
        """Write the file from which another command follows the array."""
        values = {
            "Digest": self.digest,
            "Tasks": self.tasks,
            "Rounds": [asdict(one) for one in self.rounds],
            "IsFinished": is_finished,
        }
        write_json(self.folder.state, values)


def digest_of(config: Config) -> str:
    """Return a hash of what the tasks of a run do: equal for commands that may follow each other's array."""
    text = "\n".join((str(config.bids_dir), task_settings(config)))
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()


def new_array(config: Config, folder: Folder, scans: Sequence[Scan], size: Size) -> Array:
    """Write what the tasks for some scans read, and submit them.

    Raises
    ------
    NeuroFMError
        SLURM does not accept them, or a file cannot be written.
    """
    root, subjects = config.bids_dir, tuple(dict.fromkeys(scan.subject for scan in scans))
    write_index(folder.index, root, subjects, list_images(root, subjects), config.selection)
    write_text(folder.settings, task_settings(config))
    folder.task(1).parent.mkdir(exist_ok=True)
    array = Array(folder, subjects, size.tasks, digest_of(config))
    array.submit(config, range(1, size.tasks + 1), size)
    return array


def unfinished_array(config: Config) -> Array | None:
    """Return the latest array of the same command that none has followed to its end, if there is one."""
    digest = digest_of(config)
    for path in sorted(config.out_dir.glob(f"{LOGS}/*/slurm.json"), reverse=True):
        folder = Folder(path.parent)
        try:
            values = read_json(path)
            if values["IsFinished"] or values["Digest"] != digest:
                continue
            indexed = read_index(folder.index, config.bids_dir, config.selection)
            rounds = [Round(**one | {"tasks": tuple(one["tasks"])}) for one in values["Rounds"]]
            return Array(folder, indexed.subjects, values["Tasks"], digest, rounds)
        except (OSError, ValueError, KeyError, TypeError, NeuroFMError) as error:
            _log.warning("The array of an earlier command cannot be followed (%s): %s", error, path)
    return None
