"""Grouping: which files make one data unit, and when it is complete. Pure: no disk, network, clock or SQL.

    path ──► layouts.place ──► bucket ──► assemble ──► drafts ──► completeness.judge ──► verdict
                 ▲                                                                            inference.infer ──► choice

`layouts` says of each file on its own which bucket it belongs to and which specs it may fill; `assemble` decides all
files of one bucket together, whatever order they came in; `completeness` says what to do with the result; `inference`
finds the layout where the config says "auto". Paths are `str` relative to the root of the feed or asset, "/" between
parts (bytes that are not UTF-8 are %XX already).
"""
