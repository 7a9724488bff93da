"""Label maps, and the distance fields that are computed from them once."""
