"""Change of people over their sessions, and of a cohort."""
