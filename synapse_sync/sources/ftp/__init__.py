"""An FTP server's files as a source: ftp://HOST/PATH, and ftps://HOST/PATH over TLS.

    source.py     the source                         wire.py       a control connection, and transfers beside it
    client.py     reaching it, logging in            listings.py   what lists and answers say of files (pure)
    talk.py       whose turn it is, files read       kept.py       a folder's list, until it is gone through
    asking.py     what stands at a path              refusals.py   errors in words

Python's ftplib speaks the protocol. What it leaves to its callers is here: names are bytes, each list and each file has
come whole only when the server says so (226), TLS sessions are taken up again, nothing is waited for without an end.
fsspec's layer lists nothing, without an error, where a folder is missing or a connection was lost, and shares one
control connection among threads, which then read one another's answers.
"""
