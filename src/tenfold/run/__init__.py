"""The recipe, the run folder, the environment."""
