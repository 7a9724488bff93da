"""Cohort tables from an output folder alone."""
