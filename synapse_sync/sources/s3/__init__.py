"""S3 and whatever speaks its protocol, as a source: s3://BUCKET/PREFIX.

    source.py    the source       listing.py   pages of keys, as pieces of directories   refusals.py   errors in words
    reading.py   one object       client.py    a client of its own for each source

Read through botocore itself: of all that was measured (listing 100,000 keys, reading 1 GB) its list_objects_v2 and
get_object take the fewest requests and the least memory, and fsspec's layers hold a whole listing in memory.
"""
