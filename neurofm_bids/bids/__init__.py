"""BIDS in (scans, participants) and BIDS out (every name, every atomic write)."""
