"""What sources share that are web servers' folders, with WebDAV and without.

source.py    the source     client.py     requests of a source's own   login.py      whom to ask as
reading.py   one file       validators.py what tells a change          refusals.py   errors in words
"""
