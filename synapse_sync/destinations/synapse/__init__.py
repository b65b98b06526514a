"""Synapse, its two APIs (v1, v2) behind one class: `http` carries the calls, `upload` the contents."""

from synapse_sync.destinations.synapse.destination import SynapseDestination

__all__ = ["SynapseDestination"]
