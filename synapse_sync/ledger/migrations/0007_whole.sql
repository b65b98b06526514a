-- Ready units whose contents the server has, found without a look at all that still wait for theirs: a hint that may be
-- set too often and never too seldom, as the registering query looks at the contents themselves.
ALTER TABLE units ADD COLUMN whole INTEGER NOT NULL DEFAULT 0;
UPDATE units SET whole = 1 WHERE state = 'ready';
CREATE INDEX units_whole ON units (feed) WHERE state = 'ready' AND whole = 1;

CREATE TRIGGER content_arrives AFTER UPDATE OF state ON contents WHEN new.state = 'present' BEGIN
    UPDATE units SET whole = 1
    WHERE state = 'ready' AND whole = 0 AND id IN (SELECT unit FROM unit_files WHERE content = new.id) AND NOT EXISTS (
        SELECT 1 FROM unit_files AS uf JOIN contents AS c ON c.id = uf.content
        WHERE uf.unit = units.id AND c.state <> 'present');
END;
CREATE TRIGGER unit_is_ready AFTER UPDATE OF state ON units WHEN new.state = 'ready' BEGIN
    UPDATE units SET whole = NOT EXISTS (
        SELECT 1 FROM unit_files AS uf JOIN contents AS c ON c.id = uf.content
        WHERE uf.unit = new.id AND c.state <> 'present')
    WHERE id = new.id;
END;
