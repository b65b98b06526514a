"""Which folders of a feed are to be listed, and when: hints from the kernel's events, polling where these don't tell.

    events ──► hints ──┐
    mount changes ─────┼──► Watch.take() ──► looks ──► steps.scan ──► Watch.after_run()
    polling, rescans ──┘

A hint only brings forward what a rescan would find. All of it is in memory: a start lists everything.
"""

from synapse_sync.watching.watch import Watch, Watching

__all__ = ["Watch", "Watching"]
