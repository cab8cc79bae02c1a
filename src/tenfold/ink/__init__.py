"""From an image of any size to digits of 28x28, preprocessed as MNIST's were."""
