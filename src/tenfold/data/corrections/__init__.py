"""Answers that somebody corrected: the file that keeps them, and the data set that they are."""
