"""Evaluation of weights on scans whose age, sex or volumes are known."""
