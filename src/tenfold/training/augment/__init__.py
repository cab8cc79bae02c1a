"""Augmentation: batched operations on the device."""
