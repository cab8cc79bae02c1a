"""Networks, augmentation, optimisers, the loop, the graph for export: the only room with torch."""
