"""track-camera --self-test: does this bundle work on this machine."""

from __future__ import annotations

import argparse
import sys


def run(args: argparse.Namespace) -> int:
    """Print one line that begins with "self-test passed" or "self-test failed".

    Returns:
        0 when it passed, 1 when it failed; the remedy stands on stderr then.
    """
    from thermedge.bundle import read
    from thermedge.bundles import find
    from thermedge.errors import ThermedgeError
    from thermedge.runtime import self_test

    try:
        bundle = read(find(args.bundle))
        result = self_test.run(
            bundle, backend=args.backend, precision=args.precision, threads=args.threads
        )
    except ThermedgeError as error:
        print(f"self-test failed: {error.problem}")
        print(f"fix: {error.remedy}", file=sys.stderr)
        return 1
    print(self_test.line(bundle, result))
    return 0
