-- What files are whose names don't say it: extensions by their content, the likeliest first, separated by blanks.
ALTER TABLE files ADD COLUMN untyped INTEGER NOT NULL DEFAULT 0;            -- the name has no extension, or a number
ALTER TABLE files ADD COLUMN detected TEXT NOT NULL DEFAULT '';
ALTER TABLE files ADD COLUMN detected_revision INTEGER NOT NULL DEFAULT 0;  -- the revision that was looked into
UPDATE files SET untyped = instr(name, x'2e') = 0 OR CAST(name AS TEXT) GLOB '*.[0-9]' OR CAST(name AS TEXT) GLOB '*.[0-9][0-9]*';
CREATE INDEX files_to_detect ON files (feed) WHERE untyped = 1 AND state = 'settled' AND detected_revision <> revision;

-- Names that a sidecar may have, composed (NFC) and without regard to case; '' for all others.
ALTER TABLE files ADD COLUMN sidecar TEXT NOT NULL DEFAULT '';
UPDATE files SET sidecar = lower(CAST(name AS TEXT))
WHERE CAST(name AS TEXT) LIKE '%.json' OR CAST(name AS TEXT) LIKE '%.yaml' OR CAST(name AS TEXT) LIKE '%.yml';
CREATE INDEX files_by_sidecar ON files (feed, asset, dir, sidecar) WHERE sidecar <> '';
