"""The model file: its contract, inference, and the reader of photos and strokes."""
