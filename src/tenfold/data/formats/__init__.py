"""File formats: one module a format, each with how it is recognised, read and written."""
