"""`synapse-sync service`: the systemd units of this package, put in place for the machine that they are to run on.

Place (which service, where its files go) ─► examine(config) as the service's identity ─► problems in words
│ groups, mounts                             or
systemd/*.service in the package ─► filled ─► written, with a drop-in ─► daemon-reload, enable, start
"""
