"""What every benchmark shares: the protocol, stored rows, statistics, timing, provenance."""
