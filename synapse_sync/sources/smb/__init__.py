"""A share of a Windows or Samba server as a source: smb://HOST/SHARE/PATH.

    source.py    the source                     talk.py       one connection: folders and files over it
    client.py    reaching it, logging in        refusals.py   errors in words

smbprotocol itself is spoken to, and not its smbclient, which shares connections, credentials and what it knows of DFS
among all of a process: it took a wrong password for a session that was there. fsspec's layer asks for every single file
while it lists (26 s instead of 1.5 s for 10,000), and lists nothing where a share is missing.
"""
