"""From a bundle to a board that boots into tracking."""
