"""Synthetic T1-weighted brains: population, shape, appearance, acquisition and skull-stripping."""
