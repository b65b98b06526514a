-- Feeds that a person has asked to rest: the daemon leaves them alone until it is told otherwise, over restarts too.
ALTER TABLE feeds ADD COLUMN resting INTEGER NOT NULL DEFAULT 0;
