// Package auth holds the words for who may do what: roles with their permissions, password hashes, API tokens, and the scope of
// accounts and tags that every query of the store takes. It is pure: it reads no clock, database or network.
package auth

import (
	"slices"
	"time"
)

// Role is a fixed set of permissions.
type Role string

// The roles, each holding all permissions of the one before.
const (
	Viewer        Role = "viewer"
	Operator      Role = "operator"
	Administrator Role = "administrator"
)

// Roles lists them from the weakest up.
func Roles() []Role { return []Role{Viewer, Operator, Administrator} }

// Permission is one thing a principal may do.
type Permission string

// The permissions.
const (
	ReadAssets       Permission = "assets:read"
	ReadFindings     Permission = "findings:read"
	ReadConnectors   Permission = "connectors:read" // never their secrets, which nobody may read
	ReadJobs         Permission = "jobs:read"
	RunSync          Permission = "sync:run"
	RunScan          Permission = "scan:run"
	WriteTags        Permission = "tags:write"     // our own tags and rules for them
	WriteFindings    Permission = "findings:write" // suppress and free
	CancelJobs       Permission = "jobs:cancel"
	WriteConnectors  Permission = "connectors:write" // also base accounts and what connectors may write in accounts
	WriteFeeds       Permission = "feeds:write"
	WriteUsers       Permission = "users:write" // users, roles, other people's tokens
	WriteSettings    Permission = "settings:write"
	ReadAudit        Permission = "audit:read"
	ReadInstallation Permission = "installation:read" // backup, versions
)

// permissions is the fixed table: which role may do what.
func permissions(r Role) []Permission {
	viewer := []Permission{ReadAssets, ReadFindings, ReadConnectors, ReadJobs}
	operator := append(slices.Clone(viewer), RunSync, RunScan, WriteTags, WriteFindings, CancelJobs)
	switch r {
	case Viewer:
		return viewer
	case Operator:
		return operator
	case Administrator:
		return append(operator, WriteConnectors, WriteFeeds, WriteUsers, WriteSettings, ReadAudit, ReadInstallation)
	}
	return nil
}

// Permissions returns what the role may do, nothing for an unknown one.
func (r Role) Permissions() []Permission { return permissions(r) }

// Valid reports whether the role is one of Roles.
func (r Role) Valid() bool { return slices.Contains(Roles(), r) }

// May reports whether the role holds a permission.
func (r Role) May(p Permission) bool { return slices.Contains(permissions(r), p) }

// Least returns the weaker of two roles: a token is never stronger than its user.
func Least(a, b Role) Role {
	if slices.Index(Roles(), a) <= slices.Index(Roles(), b) {
		return a
	}
	return b
}

// User is a person or a program that may sign in.
type User struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Role      Role      `json:"role"`
	Scope     Scope     `json:"scope"`
	Disabled  bool      `json:"disabled,omitempty"`
	CreatedAt time.Time `json:"createdAt,omitzero"`
	UpdatedAt time.Time `json:"updatedAt,omitzero"`
	Throttle  Throttle  `json:"-"`
}

// Principal is who asks: a user, perhaps through a token, or hinomi itself.
type Principal struct {
	UserID  string `json:"userId"`
	Name    string `json:"name"`
	Role    Role   `json:"role"`
	Scope   Scope  `json:"scope"`
	TokenID string `json:"tokenId,omitempty"` // "" if a session or the command line asks
}

// System returns the principal of hinomi's own schedules and of the command line on the server's machine.
func System() Principal { return Principal{UserID: "system", Name: "system", Role: Administrator} }

// May reports whether the principal holds a permission.
func (p Principal) May(q Permission) bool { return p.Role.May(q) }
