package app

import (
	"hinomi/internal/app/account"
	"hinomi/internal/app/agent"
	"hinomi/internal/app/change"
	"hinomi/internal/app/core"
	"hinomi/internal/app/eligibility"
	"hinomi/internal/app/matching"
	"hinomi/internal/app/scanning"
	"hinomi/internal/app/target"
)

// The words in which the use cases are asked and answer, so that a face imports app alone.
type (
	// Config is all that is decided outside: by flags, by the environment, by tests.
	Config = core.Config

	// Added is a connector that was made, and what its maker should know.
	Added = account.Added
	// ConnectorState is a connector with its last sync and the time of the next.
	ConnectorState = account.ConnectorState
	// Imported is the outcome of importing a dump.
	Imported = account.Imported

	// PlaceMode is the scan mode of an account's region or of all its regions, and where it comes from.
	PlaceMode = eligibility.PlaceMode
	// Baseline is a snapshot that stays as its volume's baseline.
	Baseline = scanning.Baseline
	// Swept is the outcome of a sweep.
	Swept = scanning.Swept

	// AgentOptions say what PlanAgents plans, and whether it is done.
	AgentOptions = agent.Options
	// Managed is what was planned, or done, for scanning with agents in one account's region.
	Managed = agent.Managed
	// HostOptions say what of this host is collected and where it goes.
	HostOptions = agent.HostOptions

	// QueueAdded is a queue that was added, and what its owner should know.
	QueueAdded = change.QueueAdded

	// FeedOptions are what a user decides about an import.
	FeedOptions = matching.FeedOptions
	// FeedUpdate is the outcome of UpdateFeeds.
	FeedUpdate = matching.FeedUpdate
	// UpdateOptions say where feeds come from.
	UpdateOptions = matching.UpdateOptions

	// Scanned is the outcome of scanning one target without an installation.
	Scanned = target.Scanned
	// TargetOptions say how a target is read.
	TargetOptions = target.Options
)

// The errors that a face acts on.
var (
	// ErrForbidden is returned where a principal's role or scope does not allow what it asks for.
	ErrForbidden = core.ErrForbidden
	// ErrNoAdvisories is returned where no advisories were ever imported: nothing can be assessed then.
	ErrNoAdvisories = core.ErrNoAdvisories
	// ErrInUse is returned where something cannot be removed because of what depends on it.
	ErrInUse = account.ErrInUse
	// ErrNoPrincipal is returned where it is not known who may assume a role.
	ErrNoPrincipal = account.ErrNoPrincipal
	// ErrMember refuses a setting of an organisation's member: its organisation decides.
	ErrMember = eligibility.ErrMember
	// ErrReadOnly is returned where a connector does not allow the snapshots that an agentless scan needs.
	ErrReadOnly = scanning.ErrReadOnly
	// ErrTarget marks a target that is none of those that can be scanned.
	ErrTarget = target.ErrTarget
)
