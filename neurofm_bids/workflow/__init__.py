"""The nipype workflow: the graph of one chunk of scans, its thin nodes and its execution."""
