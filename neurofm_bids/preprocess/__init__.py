"""Preprocessing as pure functions: image in, image and measured values out."""
