"""Synapse: transport, errors, the two APIs (v1, v2) and the upload routes, behind one class."""

from synapse_sync.destinations.synapse.destination import SynapseDestination

__all__ = ["SynapseDestination"]
