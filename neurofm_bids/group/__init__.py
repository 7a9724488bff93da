"""The group level: tables and a report of the scans in an output folder, joined with the covariates."""
