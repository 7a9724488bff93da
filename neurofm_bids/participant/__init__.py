"""The participant level: what to process, freshness of outputs, the run and its reports."""
