"""Who does the work: worker processes, claims between runs, logs and progress."""
