"""The Kaggle notebook that Tenfold grew from: its recipe against Keras, and its claims."""
