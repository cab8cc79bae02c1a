"""Sets larger than memory and many machines."""
