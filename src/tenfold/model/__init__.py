"""The model file: its contract, what runs it, what looks inside it."""
