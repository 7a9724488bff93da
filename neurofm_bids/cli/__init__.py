"""The command line: neurofm and neurofm-tools."""
