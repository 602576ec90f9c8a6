"""What INT8 needs from recordings, whatever engine runs it."""
