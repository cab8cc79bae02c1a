"""The pictures of a run: its plots, its report as one HTML file and its model card."""
