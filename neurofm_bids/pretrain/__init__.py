"""Pretraining: synthetic brains generated from label maps, and networks trained on nothing else.

Imports go one way: ``anatomy`` <- ``synthesis`` <- ``training``, and ``evaluation`` <- ``training``. The
evaluation on BIDS datasets needs nothing of training, while training reports its errors on held-out label
maps with the metrics of ``evaluation``.
"""
