"""Latency and frame rate, with the conditions under which they were measured."""
