CREATE TABLE inventory (
  pk ROWID64 PRIMARY KEY,            -- first 63 bits of the hash
  hash TEXT NOT NULL UNIQUE,
  packages BIGINT NOT NULL,
  cover TEXT NOT NULL,               -- JSON: operating system, method, covered paths and gaps, without the packages
  body BLOB NOT NULL,                -- zstd of the inventory's JSON, without times
  created_at BIGINT NOT NULL,
  judged_at BIGINT NOT NULL DEFAULT 0,
  judged_whole SMALLINT NOT NULL DEFAULT 0, -- with current feeds for all it holds: only then its silence closes findings
  judged_with TEXT NOT NULL DEFAULT '[]'
);

-- Which inventory an asset had, from when until when; until_at 0 is the current one.
CREATE TABLE asset_inventory (
  asset_pk BIGINT NOT NULL REFERENCES asset(pk) ON DELETE CASCADE,
  inventory_pk BIGINT NOT NULL REFERENCES inventory(pk),
  method TEXT NOT NULL,
  source TEXT NOT NULL DEFAULT '',
  notes TEXT NOT NULL DEFAULT '[]',
  from_at BIGINT NOT NULL,
  read_at BIGINT NOT NULL,
  until_at BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (asset_pk, from_at)
);
CREATE UNIQUE INDEX asset_inventory_current ON asset_inventory (asset_pk) WHERE until_at = 0;
CREATE INDEX asset_inventory_members ON asset_inventory (inventory_pk, asset_pk);

-- What is wrong with an inventory, once for all assets that have it.
CREATE TABLE inventory_finding (
  inventory_pk BIGINT NOT NULL REFERENCES inventory(pk) ON DELETE CASCADE,
  key TEXT NOT NULL,
  type TEXT NOT NULL,
  severity SMALLINT NOT NULL,
  score DOUBLE PRECISION NOT NULL,
  vulnerability TEXT NOT NULL DEFAULT '',
  body TEXT NOT NULL,
  first_seen BIGINT NOT NULL,
  gone_at BIGINT NOT NULL DEFAULT 0, -- judged again and no longer so
  gone_why TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (inventory_pk, key)
);
CREATE INDEX inventory_finding_order ON inventory_finding (severity DESC, score DESC, key);
CREATE INDEX inventory_finding_key ON inventory_finding (key);
CREATE INDEX inventory_finding_vulnerability ON inventory_finding (vulnerability);

-- What is wrong with one asset and not with its inventory; and of an inventory's findings only those that the asset
-- lost (closed) or that lie outside what its current inventory covers (kept).
CREATE TABLE finding (
  id TEXT PRIMARY KEY,
  asset_pk BIGINT NOT NULL REFERENCES asset(pk) ON DELETE CASCADE,
  key TEXT NOT NULL,
  origin TEXT NOT NULL,
  type TEXT NOT NULL,
  severity SMALLINT NOT NULL,
  score DOUBLE PRECISION NOT NULL,
  vulnerability TEXT NOT NULL DEFAULT '',
  hash TEXT NOT NULL,
  body TEXT NOT NULL,
  why TEXT NOT NULL DEFAULT '',
  first_seen BIGINT NOT NULL,
  last_seen BIGINT NOT NULL,
  closed_at BIGINT NOT NULL DEFAULT 0,
  updated_at BIGINT NOT NULL
);
CREATE INDEX finding_asset ON finding (asset_pk, type);
CREATE INDEX finding_order ON finding (severity DESC, score DESC, key);
CREATE INDEX finding_closed ON finding (closed_at) WHERE closed_at > 0;

-- When an asset was last assessed for a type of finding: the "last seen" of its open ones.
CREATE TABLE assessment (
  asset_pk BIGINT NOT NULL REFERENCES asset(pk) ON DELETE CASCADE,
  type TEXT NOT NULL,
  read_at BIGINT NOT NULL,
  PRIMARY KEY (asset_pk, type)
);

-- What people decided about one finding of one asset.
CREATE TABLE finding_mark (
  asset_pk BIGINT NOT NULL REFERENCES asset(pk) ON DELETE CASCADE,
  key TEXT NOT NULL,
  why TEXT NOT NULL,
  by_whom TEXT NOT NULL,
  at BIGINT NOT NULL,
  until_at BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (asset_pk, key)
);

CREATE TABLE coverage (
  asset_pk BIGINT NOT NULL REFERENCES asset(pk) ON DELETE CASCADE,
  scan TEXT NOT NULL,
  status TEXT NOT NULL,
  reason TEXT NOT NULL,
  last_scanned BIGINT NOT NULL DEFAULT 0,
  next_scan BIGINT NOT NULL DEFAULT 0,
  body TEXT NOT NULL,
  PRIMARY KEY (asset_pk, scan)
);
CREATE INDEX coverage_reason ON coverage (scan, status, reason);
CREATE INDEX coverage_next ON coverage (scan, next_scan);
