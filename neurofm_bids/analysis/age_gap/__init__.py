"""Predicted minus chronological age, corrected for its dependence on age, and what goes with it."""
