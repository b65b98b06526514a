"""S3 and whatever speaks its protocol, as a source: s3://BUCKET/PREFIX.

    source.py     the source                      listing.py        pages of keys, as pieces of directories
    reading.py    one object                      page_parsing.py   the keys of a page's answer
    client.py     one of its own for each source  refusals.py       errors in words
    etags.py      what ETags say of contents      granted.py        credentials that the server hands out

Read through botocore itself: of all that was measured (listing 100,000 keys, reading 1 GB) its list_objects_v2 and
get_object take the fewest requests and the least memory, and fsspec's layers hold a whole listing in memory.
"""
