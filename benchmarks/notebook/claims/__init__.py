"""Every claim of the notebook this project grew from, measured."""
