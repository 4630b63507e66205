package ssm

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"hinomi/internal/asset"
	"hinomi/internal/run"
)

// Deed is what a step does.
type Deed string

// The deeds. Keep and Reuse do nothing; Blocked is what cannot be done, and why.
const (
	Make    Deed = "make"
	Keep    Deed = "keep"
	Reuse   Deed = "reuse"
	Repair  Deed = "repair"
	Remove  Deed = "remove"
	Blocked Deed = "blocked"
)

// Step is one line of a plan.
type Step struct {
	Deed   Deed       `json:"deed"`
	Kind   asset.Kind `json:"kind"`
	Name   string     `json:"name"`
	ID     string     `json:"id,omitempty"`
	Reason string     `json:"reason"`

	thing thing
}

// Plan is what would be done to a place, in order.
type Plan struct {
	Place Place  `json:"place"`
	Steps []Step `json:"steps"`
}

// Idle reports whether the plan changes nothing.
func (p Plan) Idle() bool {
	return !slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Deed == Make || s.Deed == Repair || s.Deed == Remove })
}

// Plan says what to do so that a place has what is wanted. It asks AWS nothing.
func (m *Manager) Plan(s State, w Want) (Plan, error) {
	if err := w.Check(); err != nil {
		return Plan{}, err
	}
	things, wanted := m.all(&w)
	p := Plan{Place: m.at}
	for _, t := range slices.Backward(things) { // what is built on others goes first
		if !wanted[t.name] {
			p.Steps = append(p.Steps, m.removal(s, t)...)
		}
	}
	for _, t := range things {
		if wanted[t.name] {
			p.Steps = append(p.Steps, m.making(s, t)...)
		}
	}
	return p, nil
}

func step(d Deed, t thing, id, format string, a ...any) Step {
	return Step{Deed: d, Kind: t.kind, Name: t.name, ID: id, Reason: fmt.Sprintf(format, a...), thing: t}
}

func (m *Manager) making(s State, t thing) []Step {
	switch t.kind {
	case run.KindBucket:
		return []Step{m.bucketStep(s.Bucket, t)}
	case run.KindDataSync:
		return []Step{m.syncStep(s.Sync, t)}
	case run.KindDocument:
		if d := s.Documents[t.name]; d != nil && d.Installation == m.installation && d.Status == "Failed" {
			return []Step{step(Remove, t, t.name, "Systems Manager could not make it"), step(Make, t, "", "it is made once more")}
		}
		return []Step{m.documentStep(s.Documents[t.name], t)}
	default:
		return m.associationSteps(s.Associations, t)
	}
}

func (m *Manager) bucketStep(b Bucket, t thing) Step {
	switch {
	case !b.Exists:
		return step(Make, t, "", "there is none")
	case b.Installation != "" && b.Installation != m.installation:
		return step(Blocked, t, t.name, "the bucket bears the tag of another installation")
	case len(b.faults(m)) > 0:
		return step(Repair, t, t.name, "somebody changed its %s", strings.Join(b.faults(m), ", "))
	}
	return step(Keep, t, t.name, "it is as it should be")
}

func (m *Manager) syncStep(v *Sync, t thing) Step {
	switch {
	case v == nil:
		return step(Make, t, "", "there is none")
	case v.Bucket != m.Bucket():
		return step(Blocked, t, t.name, "another installation's sync of this name writes to bucket %s: inventories are read by API instead", v.Bucket)
	case v.Prefix != SyncPrefix || v.Region != m.at.Region:
		return step(Repair, t, t.name, "it writes to %s/%s in %s", v.Bucket, v.Prefix, v.Region)
	case v.Status == "Failed":
		return step(Keep, t, t.name, "it is as it should be, but its last sync failed: %s", v.Message)
	}
	return step(Keep, t, t.name, "it is as it should be")
}

func (m *Manager) documentStep(d *Document, t thing) Step {
	switch {
	case d == nil:
		return step(Make, t, "", "there is none")
	case d.Installation != m.installation:
		return step(Blocked, t, t.name, "a document of this name does not bear this installation's tag, so it is left alone")
	case d.Version != t.document.version():
		return step(Repair, t, t.name, "its version in force is %q, not %q", d.Version, t.document.version())
	}
	return step(Keep, t, t.name, "it is as it should be")
}

func (m *Manager) associationSteps(all []Association, t thing) (out []Step) {
	var mine []Association
	for _, a := range all {
		if a.Name == t.name && a.Installation == m.installation {
			mine = append(mine, a)
		}
	}
	if len(mine) == 0 {
		if t.name == InventoryAssociation {
			return []Step{m.inventoryStep(all, t)}
		}
		return []Step{step(Make, t, "", "there is none")}
	}
	a := mine[0]
	if why := t.assoc.differs(a); why != "" {
		out = append(out, step(Repair, t, a.ID, "%s", why))
	} else {
		out = append(out, step(Keep, t, a.ID, "it is as it should be"))
	}
	for _, twice := range mine[1:] { // an answer was lost and the request repeated
		one := t
		one.twin = twice.ID
		one.assoc = &associationSpec{document: t.assoc.document} // the one that is kept goes on installing
		out = append(out, step(Remove, one, twice.ID, "it is there twice"))
	}
	return out
}

// inventoryStep reuses an association of somebody else's that gathers the applications of every instance.
func (m *Manager) inventoryStep(all []Association, t thing) Step {
	why := "there is none"
	for _, a := range all {
		switch {
		case !gathers(a.Document) || !a.Everyone:
		case off(a, "applications") || off(a, "windowsUpdates"):
			why = fmt.Sprintf("association %s of somebody else's covers all instances, but does not gather their software", a.ID)
		case a.Schedule == "":
			why = fmt.Sprintf("association %s of somebody else's covers all instances, but runs only once", a.ID)
		default:
			return step(Reuse, t, a.ID, "association %q gathers inventory of all instances already", a.Name)
		}
	}
	return step(Make, t, "", "%s", why)
}

// off reports whether a part of the inventory is switched off; it is on where nothing is said (document AWS-GatherSoftwareInventory).
func off(a Association, part string) bool {
	v, said := a.Parameters[part]
	return said && !slices.Equal(v, []string{"Enabled"})
}

// differs says in what an association departs from what it should be, or "".
func (spec *associationSpec) differs(a Association) string {
	var bad []string
	if a.Document != spec.document && !strings.HasSuffix(a.Document, ":document/"+spec.document) {
		bad = append(bad, "runs document "+a.Document)
	}
	if a.Schedule != spec.schedule {
		bad = append(bad, fmt.Sprintf("its schedule is %q, not %q", a.Schedule, spec.schedule))
	}
	if !a.Everyone {
		bad = append(bad, "does not target every instance")
	}
	for _, k := range slices.Sorted(maps.Keys(spec.params)) {
		if !slices.Equal(spec.params[k], a.Parameters[k]) {
			bad = append(bad, fmt.Sprintf("its parameter %s is %q", k, a.Parameters[k]))
		}
	}
	return strings.Join(bad, "; ")
}

// removal lists the steps that take a thing away, where it is ours.
func (m *Manager) removal(s State, t thing) (out []Step) {
	const reason = "it is not wanted any more"
	switch t.kind {
	case run.KindBucket:
		if s.Bucket.Exists && (s.Bucket.Installation == "" || s.Bucket.Installation == m.installation) {
			out = append(out, step(Remove, t, t.name, reason))
		}
	case run.KindDataSync:
		if s.Sync != nil && s.Sync.Bucket == m.Bucket() {
			out = append(out, step(Remove, t, t.name, reason))
		}
	case run.KindDocument:
		if d := s.Documents[t.name]; d != nil && d.Installation == m.installation {
			out = append(out, step(Remove, t, t.name, reason))
		}
	default:
		for _, a := range s.Associations {
			if a.Name == t.name && a.Installation == m.installation {
				out = append(out, step(Remove, t, a.ID, reason))
			}
		}
		if d := s.Documents[t.assoc.document]; len(out) == 0 && t.assoc.installs && d != nil && d.Installation == m.installation {
			out = append(out, step(Remove, t, "", "somebody deleted it: made once more to uninstall the collector"))
		}
	}
	return out
}
