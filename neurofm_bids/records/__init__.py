"""The typed record of a scan, and what each of its fields means."""
