"""What happens by the clock, feeds apart: APScheduler's jobs, each a short call that is never run twice at a time.

A job that was due while the machine slept runs once when it wakes. The scheduler goes by the wall clock: where that was
set, and after a sleep, every() and daily() are called again, each with when its chore was done last.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

SOON = 60.0
"""Seconds after the start at which a chore that has not been done for long is done: not while all else starts."""

log = logging.getLogger(__name__)


class Schedule:
    """The daemon's chores by the clock. start() and stop() once each."""

    def __init__(self) -> None:
        executors = {"default": ThreadPoolExecutor(1)}  # chores read much: one after the other
        defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        self._scheduler = BackgroundScheduler(executors=executors, job_defaults=defaults)
        self._scheduler.add_listener(_failed, EVENT_JOB_ERROR)

    def start(self) -> None:
        """Begin; jobs may be added before and after."""
        self._scheduler.start()

    def stop(self) -> None:
        """No more jobs begin."""
        self._scheduler.shutdown(wait=False)

    def every(self, seconds: float, name: str, act: Callable[[], None], *, last: float | None = None) -> None:
        """Call act() every so many seconds; 0 is never. last: when it was done last (Unix), by an earlier process.

        A job of this name is replaced.
        """
        if seconds <= 0:
            if self._scheduler.get_job(name):
                self._scheduler.remove_job(name)
            return
        now = datetime.now().astimezone()
        due = now if last is None else datetime.fromtimestamp(last).astimezone() + timedelta(seconds=seconds)
        first = min(max(due, now + timedelta(seconds=SOON)), now + timedelta(seconds=seconds))
        trigger = IntervalTrigger(seconds=seconds, start_date=first, jitter=min(seconds / 20, 600))
        self._scheduler.add_job(act, trigger, id=name, name=name, replace_existing=True)

    def daily(self, name: str, act: Callable[[], None]) -> None:
        """Call act() each morning at seven, local time."""
        self._scheduler.add_job(act, CronTrigger(hour=7), id=name, name=name, replace_existing=True)


def _failed(event: JobExecutionEvent) -> None:
    log.error("the scheduled %s failed: %s", event.job_id, event.exception)
