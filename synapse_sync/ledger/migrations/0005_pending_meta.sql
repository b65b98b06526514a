-- Registered units whose metadata has changed since.
ALTER TABLE units ADD COLUMN meta_due INTEGER NOT NULL DEFAULT 0;   -- what its meta is made of may have changed
ALTER TABLE units ADD COLUMN pending TEXT NOT NULL DEFAULT '';      -- JSON: the meta it would have now, where that differs
CREATE INDEX units_meta_due ON units (feed) WHERE meta_due = 1;
CREATE INDEX units_pending ON units (feed) WHERE pending <> '';
