"""The page to draw on, and what it asks."""
