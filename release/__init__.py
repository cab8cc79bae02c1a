"""What stands between a commit and a release: versions that agree, a wheel that works."""
