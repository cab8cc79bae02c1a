"""What Tenfold costs and how well it does, measured: rooms of benchmarks with one protocol."""
