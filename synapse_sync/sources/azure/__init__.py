"""Azure Blob Storage as a source: az://CONTAINER/PREFIX.

    source.py        the source            pages.py     what a page of a listing says
    accounts.py      which service         listing.py   pages of names, as pieces of directories
    credentials.py   whom to ask as        reading.py   one blob          refusals.py   errors in words

Asked through requests itself (sources.http_asking), of which three requests are needed; azure-storage-blob signs them
and azure-identity finds the credentials. The library itself took 173 s to notice a server that is down, and keeps
32 MiB of what it reads in memory.
"""
