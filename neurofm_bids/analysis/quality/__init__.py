"""Quality of a cohort: outliers, duplicates, swapped scans, drift, and a list of what to look at."""
