"""``python -m neurofm_bids`` is ``neurofm``."""

import sys

from neurofm_bids.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
