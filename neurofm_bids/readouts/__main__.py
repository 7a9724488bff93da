"""Write the JSON Schema of the file of a readout to standard output."""

from __future__ import annotations

import json
import sys

from neurofm_bids.readouts.readout import Readout
from neurofm_bids.records.schema import json_schema

if __name__ == "__main__":
    sys.stdout.write(json.dumps(json_schema(Readout), indent=2) + "\n")
