"""Google Cloud Storage as a source: gs://BUCKET/PREFIX.

    source.py        the source       listing.py   pages of keys, as pieces of directories   reading.py   one object
    credentials.py   whom to ask as   client.py    requests of a source's own   refusals.py   errors in words

Asked through requests itself, by the JSON API, of which three requests are needed; google-auth finds the credentials.
gcsfs holds a whole listing in memory, and waited for a minute where a service does not speak gRPC.
"""
