"""A Ray cluster of two machines, each a raylet of its own, on the loopback of this one."""

from collections.abc import Iterator
from typing import Any

import pytest

OBJECT_STORE = 100 << 20  # bytes


def add_node(cluster: Any) -> Any:
    """Add a machine of one core."""
    return cluster.add_node(
        num_cpus=1,
        object_store_memory=OBJECT_STORE,
        node_ip_address="127.0.0.1",
        include_dashboard=False,
    )


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    try:
        for _ in range(2):
            add_node(cluster)
        yield cluster
    finally:
        cluster.shutdown()
