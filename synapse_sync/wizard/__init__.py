"""What `init` does without asking: look at a folder, find its layout, make the config's text, write it.

    folder ─► Contents ─► layouts, tables, sidecars to choose from
    Answers ─► text of a config, or of one more feed ─► written, whole or not at all

The questions themselves stand in cli/interview.py.
"""
