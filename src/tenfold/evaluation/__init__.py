"""Evaluation of predictions: scores with intervals, confusion, calibration, errors, comparison."""
