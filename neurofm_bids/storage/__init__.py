"""Files that survive: atomic writes, locks, tables, and reading that forgives."""
