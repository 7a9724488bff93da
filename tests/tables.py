"""Tables as another program reads them."""

import csv


def read_rows(path):
    """Return the rows of a table, each by the names of its columns."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def failed_rows(out):
    """Return what all runs say of the scans that failed, by the path of the scan."""
    tables = sorted(out.glob("logs/*/failed.tsv"))
    return {row["scan"]: row for table in tables for row in read_rows(table)}
