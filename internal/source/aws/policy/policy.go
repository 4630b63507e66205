// Package policy says which permissions hinomi needs in an AWS account and why, as data, and renders them as IAM JSON,
// CloudFormation and Terraform. What is listed here is what the other rooms call: the tests hold the one against the other.
package policy

import (
	"fmt"
	"slices"
	"strings"

	"hinomi/internal/connector"
	"hinomi/internal/source/aws/mapping"
)

// Statement is one statement of a policy, with its reason.
type Statement struct {
	Sid        string
	Reason     string // one sentence, for the comment beside it
	Actions    []string
	Resources  []string
	Conditions []Condition
	Principals []string // ARNs; in trust policies only
}

// Condition is one condition of a statement (IAM User Guide, "IAM JSON policy elements: Condition").
type Condition struct {
	Operator string // StringEquals
	Key      string // sts:ExternalId
	Values   []string
}

// Document is a policy.
type Document struct {
	Statements []Statement
}

// Actions returns all actions of the document, sorted, each once.
func (d Document) Actions() []string {
	var out []string
	for _, s := range d.Statements {
		out = append(out, s.Actions...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Need is what the permissions are for.
type Need struct {
	Type         connector.AccountType
	AllRegions   bool   // the connector lists no regions: they are asked for
	Network      bool   // everything that reachability is judged by, load balancers, instance profiles, and what Systems Manager knows
	Scanning     bool   // snapshots of our own: make, read, delete
	Baseline     bool   // and compare them with the one that is kept of each volume
	ScanTag      string // the key of the tag that holds a scan's id; run.TagScan if ""
	Reader       string // the account that reads the snapshots instead, to which they are shared; "" if it is the account itself
	ReadsOthers  bool   // it is the reader of other accounts' snapshots
	Agent        bool   // what Systems Manager's agent found is read
	ManageSSM    bool   // what scanning with the agent needs is made and removed
	Organization bool   // the connector enrols the members of its organisation
	Installation string // this installation's id, the value of the tag on our snapshots; needed for Scanning and ManageSSM
}

// NeedOf returns what a connector needs as it is configured. full asks for everything that reading can use.
func NeedOf(c *connector.Connector, full bool, installation string) Need {
	return Need{
		Type: c.Type, AllRegions: len(c.Regions) == 0,
		Network: full || slices.Contains(c.Modules, connector.Network) || slices.Contains(c.Modules, connector.Configuration),
		Agent:   full || slices.Contains(c.Modules, connector.Vulnerability), ManageSSM: c.May(connector.ManageSSM),
		Scanning: c.May(connector.SnapshotVolumes), Baseline: c.May(connector.SnapshotVolumes) && c.KeepBaseline, Reader: c.ReadBy(),
		Organization: c.Organization.Enroll, Installation: installation,
	}
}

var everywhere = []string{"*"}

// Role returns the least policy of a connector's role.
func Role(n Need) (Document, error) {
	d := Document{Statements: []Statement{{
		Sid: "Inventory", Resources: everywhere,
		Reason:  "Find the instances, the images they were started from and their network interfaces. EC2 knows no narrower resource for these calls.",
		Actions: minimal(),
	}}}
	if n.AllRegions {
		d.add(Statement{
			Sid: "AllRegions", Resources: everywhere, Actions: []string{"ec2:DescribeRegions"},
			Reason: "Find the regions that the account has enabled, new ones included. Not needed if the connector lists its regions.",
		})
	}
	if n.Network {
		for _, s := range network() {
			d.add(s)
		}
	}
	if n.Agent || n.ManageSSM {
		d.add(inventory()...)
	}
	if n.ManageSSM {
		if n.Installation == "" {
			return Document{}, fmt.Errorf("a policy for managing Systems Manager needs the installation's id")
		}
		d.add(manageSSM(n)...)
	}
	if n.Organization {
		d.add(Statement{
			Sid: "Organization", Resources: everywhere, Actions: []string{"organizations:ListAccounts"},
			Reason: "Find the member accounts of the organisation.",
		})
	}
	if n.Scanning {
		if n.Installation == "" {
			return Document{}, fmt.Errorf("a policy for scanning needs the installation's id")
		}
		d.add(scanning(n)...)
	}
	if n.ReadsOthers {
		d.add(readOthers(n)...)
	}
	return d, nil
}

func (d *Document) add(s ...Statement) { d.Statements = append(d.Statements, s...) }

func minimal() (actions []string) {
	for _, p := range mapping.Parts() {
		if p.Minimal {
			actions = append(actions, p.Actions...)
		}
	}
	return actions
}

// network returns one statement per service, so that a reader can leave one out.
func network() (out []Statement) {
	reasons := []struct{ prefix, sid, reason string }{
		{"ec2:", "Network", "Volumes, snapshots, and every part of a network that a packet can pass: what is exposed and how is judged by them."},
		{"elasticloadbalancing:", "LoadBalancers", "Load balancers, listeners, rules and targets: they expose instances that have no public address."},
		{"network-firewall:", "Firewalls", "Network firewalls on the way of a packet."},
		{"directconnect:", "DirectConnect", "Direct Connect gateways and interfaces: ways into the network from outside AWS."},
		{"ssm:", "SystemsManager", "Which instances Systems Manager manages."},
		{"iam:", "InstanceProfiles", "Which roles the instances carry. It is their names alone: what a role may do is not read."},
	}
	for _, r := range reasons {
		s := Statement{Sid: r.sid, Reason: r.reason, Resources: everywhere}
		for _, p := range mapping.Parts() {
			for _, a := range p.Actions {
				if !p.Minimal && strings.HasPrefix(a, r.prefix) && !slices.Contains(s.Actions, a) {
					s.Actions = append(s.Actions, a)
				}
			}
		}
		slices.Sort(s.Actions)
		out = append(out, s)
	}
	return out
}

// Trust returns the trust policy of a connector's role: who may assume it, with which external ID.
// A principal is the ARN of the user or role that hinomi runs as, or of its account (arn:aws:iam::<account>:root).
func Trust(externalID string, principals ...string) (Document, error) {
	if externalID == "" || len(principals) == 0 {
		return Document{}, fmt.Errorf("a trust policy needs an external ID and a principal")
	}
	return Document{Statements: []Statement{{
		Sid: "Hinomi", Principals: principals, Actions: []string{"sts:AssumeRole"},
		Reason:     "Only hinomi, and only with this connector's external ID (IAM User Guide, the confused deputy problem).",
		Conditions: []Condition{{"StringEquals", "sts:ExternalId", []string{externalID}}},
	}}}, nil
}

// Base returns the policy of the base account's user, or of the role hinomi itself runs as: it may assume the connectors' roles and nothing
// else. A role may hold wildcards: arn:aws:iam::*:role/hinomi for all members of an organisation.
func Base(roleARNs ...string) (Document, error) {
	if len(roleARNs) == 0 {
		return Document{}, fmt.Errorf("a base account's policy needs the roles that it assumes")
	}
	roles := slices.Compact(slices.Sorted(slices.Values(roleARNs)))
	return Document{Statements: []Statement{{
		Sid: "AssumeConnectors", Resources: roles, Actions: []string{"sts:AssumeRole"},
		Reason: "Enter the accounts of the connectors.",
	}}}, nil
}
