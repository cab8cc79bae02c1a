"""The report of a run: its plots, one HTML file and the model card; comparison pages."""
