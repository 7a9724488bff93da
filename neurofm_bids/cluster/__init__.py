"""Processing the scans of a run as a job array of a cluster."""
