"""Training on synthetic brains, in one process or several, resumable to the step."""
