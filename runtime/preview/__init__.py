"""The picture in the browser."""
