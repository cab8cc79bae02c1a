"""Networks, augmentation, optimisers, the loop, the graph for export: the only room with torch."""

from tenfold.run.environment import limit_openmp_spinning

limit_openmp_spinning()  # torch loads OpenMP, which asks only then
