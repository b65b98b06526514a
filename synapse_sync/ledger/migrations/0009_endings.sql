-- Files whose content is empty or breaks off: they wait for the rest, and go as they are only by a person's word.
ALTER TABLE files ADD COLUMN broken_revision INTEGER NOT NULL DEFAULT 0;    -- the revision that was found to be so
ALTER TABLE files ADD COLUMN accepted_revision INTEGER NOT NULL DEFAULT 0;  -- the revision that goes as it is
CREATE INDEX files_broken ON files (feed) WHERE broken_revision > accepted_revision;
CREATE INDEX files_waiting ON files (feed) WHERE state = 'seen' AND reason <> '';
CREATE INDEX files_empty ON files (feed) WHERE size = 0;
