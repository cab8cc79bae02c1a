"""Many machines: the launcher of tasks on a Ray cluster, the only room with ray."""
