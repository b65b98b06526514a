"""A folder of a WebDAV server as a source: webdav://HOST/PATH, webdavs://HOST/PATH. Reading is that of sources/web.

    source.py   the source      talk.py   folders, one request each      multistatus.py   what comes of one

Asked through requests itself: of the protocol one request is needed, PROPFIND for a folder and what is in it. All of a
tree at once (Depth: infinity) is refused by nginx, Apache and Nextcloud.
"""
