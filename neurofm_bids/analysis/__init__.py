"""Analysis of cohorts: functions on tables of scans, usable without a BIDS dataset."""
