"""The few functions that join rooms."""
