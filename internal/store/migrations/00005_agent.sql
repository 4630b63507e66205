-- What of an instance's inventory in Systems Manager was read, by type, so that only what is new is read again.
CREATE TABLE agent_captured (
  asset_pk BIGINT PRIMARY KEY REFERENCES asset(pk) ON DELETE CASCADE,
  body TEXT NOT NULL
);

-- What of a place bears on why instances are not managed: Default Host Management, the roles of instance profiles.
CREATE TABLE agent_place (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (account, region)
);
