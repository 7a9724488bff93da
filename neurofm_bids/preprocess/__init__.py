"""Preprocessing as pure functions: image in, image and measurements out."""
