"""Files: atomic writing, locks, tables, and reading text and JSON."""
