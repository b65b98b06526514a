"""An SSH server's files as a source: sftp://HOST/PATH.

    source.py      the source                    listing.py   folders, piece by piece      reading.py    one file
    client.py      a connection of its own       session.py   one conversation in SFTP     refusals.py   errors in words
    host_keys.py   which server is the right one

paramiko makes the connection; what is said over it is said here. Its own SFTP client decodes names (a name that is not
UTF-8 fails a whole listing), takes a connection that ends for the end of a folder in places, and reads ahead without
bounds. fsspec's layers list nothing at all, without an error, where a connection is lost.
"""
