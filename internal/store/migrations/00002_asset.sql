CREATE TABLE external_id (
  external_id TEXT PRIMARY KEY,
  connector_id TEXT NOT NULL DEFAULT '',
  issued_at BIGINT NOT NULL
);

CREATE TABLE connector (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  type TEXT NOT NULL,
  account TEXT NOT NULL,
  enabled SMALLINT NOT NULL,
  parent_id TEXT NOT NULL DEFAULT '',
  next_sync_at BIGINT NOT NULL DEFAULT 0,
  body TEXT NOT NULL,
  secret BLOB,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX connector_account ON connector (account);
CREATE INDEX connector_due ON connector (next_sync_at) WHERE enabled = 1;

CREATE TABLE connector_tag (
  connector_id TEXT NOT NULL REFERENCES connector(id) ON DELETE CASCADE,
  tag TEXT NOT NULL,
  PRIMARY KEY (connector_id, tag)
);
CREATE INDEX connector_tag_tag ON connector_tag (tag);

CREATE TABLE base_account (
  type TEXT PRIMARY KEY,
  body TEXT NOT NULL,
  secret BLOB NOT NULL
);

CREATE TABLE sync (
  id TEXT PRIMARY KEY,
  connector_id TEXT NOT NULL,
  account TEXT NOT NULL,
  state TEXT NOT NULL,
  queued_at BIGINT NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX sync_connector ON sync (connector_id, queued_at, id);
CREATE INDEX sync_queued ON sync (queued_at, id);

-- One row per account, region and kind: what one listing call covers. "Last seen" of an asset that is not gone is its scope's read_at.
CREATE TABLE sync_scope (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  kind TEXT NOT NULL,
  connector_id TEXT NOT NULL,
  sync_id TEXT NOT NULL,
  read_at BIGINT NOT NULL DEFAULT 0, -- newest complete read
  seen_at BIGINT NOT NULL DEFAULT 0, -- newest evidence applied, complete or not: older evidence is ignored
  rows_read BIGINT NOT NULL DEFAULT 0,
  gap_at BIGINT NOT NULL DEFAULT 0,  -- newest failure; the scope is stale while it is not older than read_at
  gap_reason TEXT NOT NULL DEFAULT '',
  gap_detail TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (account, region, kind)
);
CREATE INDEX sync_scope_connector ON sync_scope (connector_id);

CREATE TABLE scope_connector (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  kind TEXT NOT NULL,
  connector_id TEXT NOT NULL REFERENCES connector(id) ON DELETE CASCADE,
  PRIMARY KEY (account, region, kind, connector_id)
);

-- Gaps that name a whole account or region, and those of scopes that were never read.
CREATE TABLE sync_gap (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  kind TEXT NOT NULL,
  connector_id TEXT NOT NULL,
  sync_id TEXT NOT NULL,
  reason TEXT NOT NULL,
  detail TEXT NOT NULL DEFAULT '',
  at BIGINT NOT NULL,
  PRIMARY KEY (account, region, kind)
);

CREATE TABLE asset (
  pk ROWID64 PRIMARY KEY,            -- first 63 bits of the SHA-256 of the reference
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  name TEXT NOT NULL DEFAULT '',
  state TEXT NOT NULL DEFAULT '',
  hash TEXT NOT NULL,
  body TEXT NOT NULL,
  first_seen BIGINT NOT NULL,
  changed_at BIGINT NOT NULL,
  gone_at BIGINT NOT NULL DEFAULT 0,
  last_seen BIGINT NOT NULL DEFAULT 0, -- set when gone; before that the scope says it
  UNIQUE (account, region, kind, id)
);
CREATE INDEX asset_id ON asset (id);
CREATE INDEX asset_kind ON asset (kind, account, region, id);

CREATE TABLE asset_history (
  seq SERIAL64,
  asset_pk BIGINT NOT NULL REFERENCES asset(pk) ON DELETE CASCADE,
  at BIGINT NOT NULL,
  sync_id TEXT NOT NULL,
  what TEXT NOT NULL,
  diff TEXT NOT NULL DEFAULT '[]'
);
CREATE INDEX asset_history_asset ON asset_history (asset_pk, seq);

CREATE TABLE asset_tag (
  asset_pk BIGINT NOT NULL REFERENCES asset(pk) ON DELETE CASCADE,
  tag TEXT NOT NULL,
  origin TEXT NOT NULL, -- 'hand', or the id of a rule
  at BIGINT NOT NULL,
  PRIMARY KEY (asset_pk, tag, origin)
);
CREATE INDEX asset_tag_tag ON asset_tag (tag, asset_pk);
CREATE INDEX asset_tag_origin ON asset_tag (origin);

CREATE TABLE tag_rule (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  body TEXT NOT NULL
);

CREATE TABLE asset_activation (
  asset_pk BIGINT NOT NULL REFERENCES asset(pk) ON DELETE CASCADE,
  module TEXT NOT NULL,
  active SMALLINT NOT NULL,
  by_hand SMALLINT NOT NULL,
  reason TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (asset_pk, module)
);

CREATE TABLE posture_view (
  account TEXT PRIMARY KEY,
  connector_id TEXT NOT NULL DEFAULT '',
  body TEXT NOT NULL
);
