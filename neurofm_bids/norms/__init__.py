"""Norms: how volumes of the brain depend on age, sex and head size, and where a person lies among others."""
