"""Readouts: linear models on the features of scans, fitted with cross-validation and kept in JSON files."""
