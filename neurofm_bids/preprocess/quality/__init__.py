"""Image quality metrics: what each family of them measures, on arrays; ``preprocess.iqm`` has their table."""
