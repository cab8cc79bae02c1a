"""From any picture to digits of 28 x 28, the MNIST way."""
