"""Sets larger than memory, a shard at a time: predict and read them, on this machine or many."""
