"""A folder of a plain web server as a source: http://HOST/PATH, https://HOST/PATH. Reading is that of sources/web.

    source.py   the source        talk.py   folders and files, asked for     known.py   what need not be asked again
    pages.py    lists of links    rows.py   lists in JSON

A folder is what its list of links says: that of nginx, Apache, lighttpd, Python, or in JSON that of nginx and Caddy.
"""
