"""Layers, optimisers and augmentations that are somebody's own: made, exported, kept and tried."""
