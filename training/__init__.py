"""From recordings to weights, on the workstation."""
