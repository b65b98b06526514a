-- Contents that nobody here has read: their source vouches for the MD5, which the server knows. Their sha1 is ''.
ALTER TABLE contents ADD COLUMN vouched INTEGER NOT NULL DEFAULT 0;
CREATE INDEX contents_by_md5 ON contents (md5);
CREATE INDEX contents_to_read ON contents (id) WHERE vouched = 1 AND state = 'unknown';
ALTER TABLE files ADD COLUMN vouched_revision INTEGER NOT NULL DEFAULT 0;   -- the revision whose content nobody has read
ALTER TABLE files ADD COLUMN unvouched_revision INTEGER NOT NULL DEFAULT 0; -- the revision that is read, whatever is vouched for
CREATE INDEX files_vouched ON files (feed, id) WHERE vouched_revision > 0;

-- How far what a source vouches for has proved true, by what was read of it all the same.
CREATE TABLE vouchers (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    asset TEXT NOT NULL,
    root INTEGER NOT NULL,                  -- which root that was: another bucket is to prove itself anew
    agreed INTEGER NOT NULL DEFAULT 0,
    refuted INTEGER NOT NULL DEFAULT 0,     -- it was wrong once, and is never believed again
    PRIMARY KEY (feed, asset, root)
) WITHOUT ROWID;
