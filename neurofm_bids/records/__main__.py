"""Write the JSON Schema of a scan's record to standard output."""

from __future__ import annotations

import json
import sys

from neurofm_bids.records.scan import ScanRecord
from neurofm_bids.records.schema import json_schema

if __name__ == "__main__":
    sys.stdout.write(json.dumps(json_schema(ScanRecord), indent=2) + "\n")
