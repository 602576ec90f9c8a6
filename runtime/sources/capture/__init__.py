"""The parts of a V4L2 camera: kernel, device, profile, telemetry, and where it is plugged in."""
