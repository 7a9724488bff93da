"""Running scans in worker processes: claims between runs, logs, progress, and recovery from failures."""
