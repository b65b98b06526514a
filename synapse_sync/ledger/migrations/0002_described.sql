-- What a unit is described with beside its meta.
ALTER TABLE units ADD COLUMN groups TEXT NOT NULL DEFAULT '[]';     -- JSON: names of its groups, the outermost first
ALTER TABLE units ADD COLUMN sources TEXT NOT NULL DEFAULT '{}';    -- JSON: meta key -> where its value came from
ALTER TABLE units ADD COLUMN overruled TEXT NOT NULL DEFAULT '[]';  -- JSON: values that a later source replaced
ALTER TABLE units ADD COLUMN awaits TEXT NOT NULL DEFAULT '';       -- metadata that a complete unit waits for: row | sidecar
