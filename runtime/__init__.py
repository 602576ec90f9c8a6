"""The board side: from a sensor's counts to a box, without torch."""
