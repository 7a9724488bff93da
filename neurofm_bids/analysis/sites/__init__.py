"""Effects of sites on features and measures: how large they are, and their removal by ComBat."""
