"""BIDS: scans, metadata and covariates of the dataset, and the names of all outputs."""
