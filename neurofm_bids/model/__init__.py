"""The NeuroFM network, its weights and what it predicts."""
