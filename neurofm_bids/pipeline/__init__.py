"""The steps of a scan, run in memory or as a nipype graph."""
