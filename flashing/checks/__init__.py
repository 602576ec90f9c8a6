"""What to look at before anything is touched, by idea; preflight.py holds the list."""
