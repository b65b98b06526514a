"""What is written about the work: to the journal, to a terminal as text, or as JSON lines.

logging.getLogger(__name__).warning("…", extra={"feed", "unit_key", "path", "error_class"})
    └► Outlet ─► entry_of (escaped, secrets out) ─► Repeats (collapsed, counted) ─► text | json | journal

configure(config.log)        once, at the beginning of a process that lives
hide(token)                  never let this text out, whatever it is part of; unhide(token) once it is replaced
daily_summary(now, before)   one line a day
"""

from synapse_sync.logs.entries import hide, unhide
from synapse_sync.logs.outlet import configure, tell_repeats
from synapse_sync.logs.summary import daily_summary, status_line

__all__ = ["configure", "daily_summary", "hide", "status_line", "tell_repeats", "unhide"]
