"""Anatomy: regions of the brain, and the network that segments them."""
