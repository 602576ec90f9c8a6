"""Run the command `thermedge` as `python -m thermedge`."""

import sys

from thermedge.commands import main

if __name__ == "__main__":
    sys.exit(main())
