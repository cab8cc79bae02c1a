"""The network that finds digits and marks on whole pages: what it learns from, and how."""
