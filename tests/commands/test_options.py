import argparse

from thermedge.commands.options import add_tracker


def test_without_flags_the_shipped_tracker_runs_in_whatever_engine_is_there():
    parser = argparse.ArgumentParser()
    add_tracker(parser)
    args = parser.parse_args([])
    assert (args.bundle, args.backend) == ("default", "auto")


def test_every_backend_is_named_in_the_help():
    from thermedge.runtime.backends import BACKENDS

    parser = argparse.ArgumentParser()
    add_tracker(parser)
    for name in ("auto", *BACKENDS):
        assert name in parser.format_help()
