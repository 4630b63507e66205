-- What is judged as one: the packages of one source package, with what of the system their advisories depend on. Equal ones of all
-- inventories are one row.
CREATE TABLE unit (
  pk SERIAL64,
  hash TEXT NOT NULL UNIQUE,          -- of the content
  grp BIGINT NOT NULL,                -- names ecosystem and source package
  ecosystem TEXT NOT NULL,
  source TEXT NOT NULL,
  frame SMALLINT NOT NULL,            -- 1: the system itself, how it was read and its gaps
  body TEXT NOT NULL,                 -- a small inventory
  edition BIGINT NOT NULL DEFAULT 0,  -- of the advisories that it was judged with; 0: it is to be judged
  whole SMALLINT NOT NULL DEFAULT 0,  -- judged with complete and current feeds: only then what is no longer found is closed
  asks BIGINT NOT NULL DEFAULT 0,     -- of all its rows in unit_ask
  notes TEXT NOT NULL DEFAULT ''      -- JSON: what could not be judged
);
CREATE INDEX unit_unjudged ON unit (pk) WHERE edition = 0;
CREATE INDEX unit_ecosystem ON unit (ecosystem);

-- The inverted index: which rows of the advisories a unit's verdict depends on.
CREATE TABLE unit_ask (
  ask BIGINT NOT NULL,                -- hash of the key
  unit_pk BIGINT NOT NULL REFERENCES unit(pk) ON DELETE CASCADE,
  PRIMARY KEY (ask, unit_pk)
) NOROWID;
CREATE INDEX unit_ask_unit ON unit_ask (unit_pk);

-- What is wrong with a unit, once for all inventories that have it.
CREATE TABLE unit_finding (
  unit_pk BIGINT NOT NULL REFERENCES unit(pk) ON DELETE CASCADE,
  key TEXT NOT NULL,
  grp BIGINT NOT NULL,
  type TEXT NOT NULL,
  severity SMALLINT NOT NULL,
  score DOUBLE PRECISION NOT NULL,
  vulnerability TEXT NOT NULL DEFAULT '',
  print BIGINT NOT NULL,              -- hash of the body
  body TEXT NOT NULL,
  first_seen BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  gone_at BIGINT NOT NULL DEFAULT 0,  -- judged again and no longer so
  gone_why TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (unit_pk, key)
);
CREATE UNIQUE INDEX unit_finding_order ON unit_finding (severity DESC, score DESC, key, unit_pk);
CREATE INDEX unit_finding_vulnerability ON unit_finding (vulnerability);
CREATE INDEX unit_finding_key ON unit_finding (key);
CREATE INDEX unit_finding_gone ON unit_finding (gone_at) WHERE gone_at > 0;

-- A set of units that inventories share: the operating system's packages, those of one folder of a language, the frame.
CREATE TABLE part (
  pk SERIAL64,
  hash TEXT NOT NULL UNIQUE,
  root TEXT NOT NULL
);

CREATE TABLE part_unit (
  part_pk BIGINT NOT NULL REFERENCES part(pk) ON DELETE CASCADE,
  grp BIGINT NOT NULL,
  unit_pk BIGINT NOT NULL REFERENCES unit(pk),
  PRIMARY KEY (part_pk, grp)
) NOROWID;
CREATE UNIQUE INDEX part_unit_unit ON part_unit (unit_pk, part_pk);

CREATE TABLE inventory_part (
  inventory_pk BIGINT NOT NULL REFERENCES inventory(pk) ON DELETE CASCADE,
  part_pk BIGINT NOT NULL REFERENCES part(pk),
  PRIMARY KEY (inventory_pk, part_pk)
) NOROWID;
CREATE UNIQUE INDEX inventory_part_part ON inventory_part (part_pk, inventory_pk);

-- How many findings the units of a part have, so that a count over all assets reads a few rows of each part.
CREATE TABLE part_count (
  part_pk BIGINT NOT NULL REFERENCES part(pk) ON DELETE CASCADE,
  type TEXT NOT NULL,
  severity SMALLINT NOT NULL,
  open BIGINT NOT NULL,
  gone BIGINT NOT NULL,
  PRIMARY KEY (part_pk, type, severity)
) NOROWID;

CREATE UNIQUE INDEX asset_inventory_now ON asset_inventory (inventory_pk, asset_pk) WHERE until_at = 0;
CREATE INDEX finding_key ON finding (key);
CREATE INDEX finding_kept ON finding (asset_pk) WHERE origin = 'kept';
CREATE INDEX asset_gone ON asset (pk) WHERE gone_at > 0;
