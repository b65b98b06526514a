"""The command line: one module for each group of commands; thin, with heavy imports inside the commands."""
