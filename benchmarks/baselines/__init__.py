"""Other implementations that Tenfold is compared with, each run in an environment of its own."""
