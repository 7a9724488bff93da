"""Pretraining: synthetic brains from label maps, and networks trained on nothing else."""
