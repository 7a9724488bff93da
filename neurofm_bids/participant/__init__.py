"""The participant level: plan, freshness, processing and writing."""
