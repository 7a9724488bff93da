"""What is raised where an image does not allow a metric."""

from __future__ import annotations

__all__ = ["NotMeasuredError"]


class NotMeasuredError(Exception):
    """The image does not allow a metric; the message says why."""
