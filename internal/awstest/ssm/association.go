package ssm

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"hinomi/internal/awstest"
)

type tag struct{ Key, Value string }

type target struct {
	Key    string
	Values []string
}

type association struct {
	id, version int
	doc, name   string
	docVersion  string
	params      map[string][]string
	targets     []target
	schedule    string
	tags        []tag
	runs        []execution
}

// execution is one run of an association: what it did to which instance.
type execution struct {
	id     string
	status string
	at     time.Time
	nodes  []Ran
}

// Ran is what one run of an association did to one instance.
type Ran struct{ Document, Action, Instance, Status string }

func (a *association) uuid() string { return fmt.Sprintf("%08x-0000-4000-8000-%012x", a.id, a.id) }

// Association is one as a test sees it.
type Association struct {
	ID, Name, Document, Schedule string
	Parameters                   map[string][]string
	Tags                         map[string]string
}

// Associations lists what an account's region has.
func (s *Server) Associations(account, region string) []Association {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Association
	for _, a := range s.place(account, region).associations {
		m := map[string]string{}
		for _, t := range a.tags {
			m[t.Key] = t.Value
		}
		out = append(out, Association{a.uuid(), a.name, a.doc, a.schedule, a.params, m})
	}
	return out
}

// Runs lists what the associations of an account's region did, in order; also those deleted since.
func (s *Server) Runs(account, region string) []Ran {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Ran
	for _, a := range s.place(account, region).associations {
		for _, r := range a.runs {
			out = append(out, r.nodes...)
		}
	}
	return out
}

// Settle ends every pending run of an account's region with a status.
func (s *Server) Settle(account, region, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.place(account, region).associations {
		for i := range a.runs {
			a.runs[i].settle(status)
		}
	}
}

func (e *execution) settle(status string) {
	if e.status == "Pending" {
		e.status = status
		for n := range e.nodes {
			if e.nodes[n].Status == "Pending" {
				e.nodes[n].Status = status
			}
		}
	}
}

// run applies an association to the instances that it targets: those that do not ping stay pending.
func (s *Server) run(p *place, a *association) {
	s.serial++
	e := execution{id: fmt.Sprintf("%08x-0000-4000-9000-%012x", s.serial, s.serial), status: "Pending", at: s.opts.Now()}
	for _, n := range p.nodes {
		if !slices.ContainsFunc(a.targets, func(t target) bool {
			return t.Key == "InstanceIds" && (slices.Contains(t.Values, "*") || slices.Contains(t.Values, n.ID))
		}) {
			continue
		}
		e.nodes = append(e.nodes, Ran{a.doc, strings.Join(a.params["action"], ","), n.ID, "Pending"})
	}
	if !s.opts.Slow {
		away := false
		for i := range e.nodes {
			if p.node(e.nodes[i].Instance).Ping == "Online" {
				e.nodes[i].Status = "Success"
			} else {
				away = true
			}
		}
		if !away {
			e.status = "Success"
		}
	}
	a.runs = append(a.runs, e)
}

type associationRequest struct {
	AssociationId, AssociationName, Name, DocumentVersion, ScheduleExpression string //nolint:revive // AWS's spelling
	Parameters                                                                map[string][]string
	Targets                                                                   []target
	Tags                                                                      []tag
}

func (s *Server) createAssociation(c *awstest.Call, p *place) (any, *failure) {
	in := read[associationRequest](s, c)
	if !strings.HasPrefix(in.Name, "AWS-") && p.documents[in.Name] == nil {
		return nil, &failure{"InvalidDocument", "Document with name " + in.Name + " does not exist."}
	}
	s.serial++
	a := &association{
		id: s.serial, version: 1, doc: in.Name, name: in.AssociationName, docVersion: in.DocumentVersion, params: in.Parameters, targets: in.Targets,
		schedule: in.ScheduleExpression, tags: in.Tags,
	}
	p.associations = append(p.associations, a)
	s.run(p, a)
	return map[string]any{"AssociationDescription": a.describe(s)}, nil
}

func (s *Server) updateAssociation(c *awstest.Call, p *place) (any, *failure) {
	in := read[associationRequest](s, c)
	a, bad := p.association(in.AssociationId)
	if bad != nil {
		return nil, bad
	}
	// UpdateAssociation replaces: what the request leaves out becomes empty (SSM API reference, UpdateAssociation).
	if in.Name != "" {
		a.doc = in.Name
	}
	a.name, a.docVersion, a.params, a.schedule = in.AssociationName, in.DocumentVersion, in.Parameters, in.ScheduleExpression
	if in.Targets != nil {
		a.targets = in.Targets
	}
	a.version++
	s.run(p, a)
	return map[string]any{"AssociationDescription": a.describe(s)}, nil
}

func (p *place) association(id string) (*association, *failure) {
	if i := slices.IndexFunc(p.associations, func(a *association) bool { return a.uuid() == id }); i >= 0 {
		return p.associations[i], nil
	}
	return nil, &failure{"AssociationDoesNotExist", "The association " + id + " does not exist."}
}

func (a *association) overview() map[string]any {
	if len(a.runs) == 0 {
		return map[string]any{"Status": "Pending"}
	}
	counts := map[string]int{}
	for _, n := range a.runs[len(a.runs)-1].nodes {
		counts[n.Status]++
	}
	return map[string]any{"Status": a.runs[len(a.runs)-1].status, "AssociationStatusAggregatedCount": counts}
}

func (a *association) describe(s *Server) map[string]any {
	m := map[string]any{
		"AssociationId": a.uuid(), "AssociationVersion": fmt.Sprint(a.version), "Name": a.doc, "Date": seconds(s.opts.Now()), "Targets": a.targets, "Overview": a.overview(),
	}
	for k, v := range map[string]string{"AssociationName": a.name, "ScheduleExpression": a.schedule, "DocumentVersion": a.docVersion} {
		if v != "" {
			m[k] = v
		}
	}
	if a.params != nil {
		m["Parameters"] = a.params
	}
	return m
}

func (s *Server) describeAssociation(c *awstest.Call, p *place) (any, *failure) {
	a, bad := p.association(read[associationRequest](s, c).AssociationId)
	if bad != nil {
		return nil, bad
	}
	return map[string]any{"AssociationDescription": a.describe(s)}, nil
}

func (s *Server) deleteAssociation(c *awstest.Call, p *place) (any, *failure) {
	a, bad := p.association(read[associationRequest](s, c).AssociationId)
	if bad != nil {
		return nil, bad
	}
	p.associations = slices.DeleteFunc(p.associations, func(o *association) bool { return o == a })
	return nil, nil //nolint:nilnil // an empty answer
}

// DeleteAssociation deletes one by its name, as somebody else does.
func (s *Server) DeleteAssociation(account, region, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.place(account, region)
	p.associations = slices.DeleteFunc(p.associations, func(o *association) bool { return o.name == name })
}

func (s *Server) listAssociations(c *awstest.Call, p *place) (any, *failure) {
	in := read[struct {
		pager
		AssociationFilterList []struct{ Key, Value string }
	}](s, c)
	all := slices.Clone(p.associations)
	for _, f := range in.AssociationFilterList {
		all = slices.DeleteFunc(all, func(a *association) bool {
			return f.Key == "AssociationName" && a.name != f.Value || f.Key == "Name" && a.doc != f.Value || f.Key == "AssociationId" && a.uuid() != f.Value
		})
	}
	page, next, bad := cut(s, in.pager, 50, all)
	if bad != nil {
		return nil, bad
	}
	list := []map[string]any{}
	for _, a := range page {
		m := a.describe(s)
		delete(m, "Date")
		delete(m, "Parameters")
		list = append(list, m)
	}
	return withNext(map[string]any{"Associations": list}, next), nil
}

func (s *Server) startAssociations(c *awstest.Call, p *place) (any, *failure) {
	for _, id := range read[struct{ AssociationIds []string }](s, c).AssociationIds { //nolint:revive // AWS's spelling
		a, bad := p.association(id)
		if bad != nil {
			return nil, bad
		}
		s.run(p, a)
	}
	return nil, nil //nolint:nilnil // an empty answer
}

func (s *Server) executions(c *awstest.Call, p *place) (any, *failure) {
	in := read[struct {
		pager
		AssociationId string //nolint:revive // AWS's spelling
	}](s, c)
	a, bad := p.association(in.AssociationId)
	if bad != nil {
		return nil, bad
	}
	runs := slices.Clone(a.runs)
	slices.Reverse(runs) // newest first
	page, next, bad := cut(s, in.pager, 50, runs)
	if bad != nil {
		return nil, bad
	}
	list := []map[string]any{}
	for _, r := range page {
		list = append(list, map[string]any{"AssociationId": a.uuid(), "ExecutionId": r.id, "Status": r.status, "CreatedTime": seconds(r.at)})
	}
	return withNext(map[string]any{"AssociationExecutions": list}, next), nil
}

func (s *Server) executionTargets(c *awstest.Call, p *place) (any, *failure) {
	in := read[struct {
		pager
		AssociationId, ExecutionId string //nolint:revive // AWS's spelling
	}](s, c)
	a, bad := p.association(in.AssociationId)
	if bad != nil {
		return nil, bad
	}
	i := slices.IndexFunc(a.runs, func(e execution) bool { return e.id == in.ExecutionId })
	if i < 0 {
		return nil, &failure{"AssociationExecutionDoesNotExist", "The execution does not exist."}
	}
	page, next, bad := cut(s, in.pager, 50, a.runs[i].nodes)
	if bad != nil {
		return nil, bad
	}
	list := []map[string]any{}
	for _, n := range page {
		list = append(list, map[string]any{"AssociationId": a.uuid(), "ExecutionId": in.ExecutionId, "ResourceId": n.Instance, "ResourceType": "ManagedInstance", "Status": n.Status})
	}
	return withNext(map[string]any{"AssociationExecutionTargets": list}, next), nil
}

func (s *Server) listTags(c *awstest.Call, p *place) (any, *failure) {
	in := read[struct{ ResourceType, ResourceId string }](s, c) //nolint:revive // AWS's spelling
	tags := []tag{}
	switch in.ResourceType {
	case "Association":
		a, bad := p.association(in.ResourceId)
		if bad != nil {
			return nil, &failure{"InvalidResourceId", "The resource ID isn't valid."}
		}
		tags = append(tags, a.tags...)
	case "Document":
		d := p.documents[in.ResourceId]
		if d == nil {
			return nil, &failure{"InvalidResourceId", "The resource ID isn't valid."}
		}
		tags = append(tags, d.tags...)
	default:
		return nil, &failure{"InvalidResourceType", "The resource type isn't valid."}
	}
	return map[string]any{"TagList": tags}, nil
}
