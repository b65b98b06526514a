"""An SSH server's files as a source: sftp://HOST/PATH.

    source.py      the source                      session.py    one conversation in SFTP
    client.py      a connection of its own         host_keys.py  which server is the right one
    keys.py        what to log in with             refusals.py   errors in words

paramiko makes the connection; what is said over it is said here. Its own SFTP client decodes names (a name that is not
UTF-8 fails a whole listing), takes a connection that ends for the end of a folder in places, and reads ahead without
bounds. fsspec's layers list nothing at all, without an error, where a connection is lost.
"""
