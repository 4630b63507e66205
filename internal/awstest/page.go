package awstest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"hinomi/internal/awstest/model"
)

// defaultPage is the largest page where the model names none: EC2 API Reference, DescribeInstances, MaxResults.
const defaultPage = 1000

// idsOrPages are EC2 actions that refuse MaxResults beside a list of IDs, by the documentation of MaxResults in EC2's model, with that list's name.
var idsOrPages = map[string]string{
	"DescribeInstances": "InstanceId", "DescribeInstanceStatus": "InstanceId", "DescribeInstanceCreditSpecifications": "InstanceId",
	"DescribeInstanceTopology": "InstanceId", "DescribeNetworkInterfaces": "NetworkInterfaceId", "DescribeHosts": "HostId",
}

// leastPage are EC2 actions whose smallest page is five by their documentation, though the model does not say so.
var leastPage = []string{"DescribeInstances", "DescribeInstanceStatus", "DescribeSnapshots", "DescribeVolumes", "DescribeTags"}

// pages keeps the rest of every answer that was cut, by token. A token can be used again, as a caller does that lost the answer.
type pages struct {
	last int
	next map[string]*page
}

// page is the rest of an answer.
type page struct {
	call  string // whose it is, and what was asked
	shell any    // the answer around the list: *model.Node or map[string]json.RawMessage
	xml   []*model.Node
	json  []json.RawMessage
}

// paginator says whether AWS pages this call, and how: by the model, with one list at the top of the answer.
func (a *AWS) paginator(c *Call) (model.Paginator, bool) {
	if c.op == nil || !slices.Contains([]string{"ec2", "query", "json"}, c.protocol()) {
		return model.Paginator{}, false
	}
	pg, ok := c.svc.Pagination[c.Action]
	if !ok || len(pg.ResultKey) != 1 || len(pg.InputToken) != 1 || len(pg.OutputToken) != 1 || pg.LimitKey == "" {
		return model.Paginator{}, false
	}
	ref, ok := c.svc.Output(c.op).Members[pg.ResultKey[0]]
	return pg, ok && c.svc.Shapes[ref.Shape].Type == "list"
}

// paged answers one page. It asks moto for everything and cuts the list: moto ignores MaxResults in most calls.
func (a *AWS) paged(c *Call, pg model.Paginator) *Reply {
	limit, given, rep := a.pageSize(c, pg)
	if rep != nil {
		return rep
	}
	if ids := idsOrPages[c.Action]; given && c.Service == "ec2" && ids != "" && len(c.List(ids)) > 0 {
		return badRequest(c, "InvalidParameterCombination", "The parameter %s cannot be used with the parameter maxResults", ids)
	}
	var p *page
	if token := c.field(pg.InputToken[0]); token != "" {
		a.mu.Lock()
		p = a.pages.next[token]
		a.mu.Unlock()
		if p == nil || p.call != c.identity(pg) {
			return a.badToken(c)
		}
	} else if p, rep = a.everything(c, pg); rep != nil {
		return rep
	}
	return a.cut(c, pg, p, limit)
}

// field is a request member's value: of the form, or of the JSON body.
func (c *Call) field(name string) string {
	if c.protocol() != "json" {
		return c.Param(name)
	}
	var m map[string]any
	if json.Unmarshal(c.raw, &m) != nil || m[name] == nil {
		return ""
	}
	if f, ok := m[name].(float64); ok {
		return strconv.Itoa(int(f))
	}
	return fmt.Sprint(m[name])
}

// pageSize reads the limit that the caller gave, and refuses one outside the model's bounds.
func (a *AWS) pageSize(c *Call, pg model.Paginator) (size int, given bool, refused *Reply) {
	size = defaultPage
	least := 1.0
	sh := c.svc.Shapes[c.svc.Input(c.op).Members[pg.LimitKey].Shape]
	if sh != nil && sh.Min != nil {
		least = *sh.Min
	} else if c.Service == "ec2" && slices.Contains(leastPage, c.Action) {
		least = 5
	}
	if sh != nil && sh.Max != nil {
		size = int(*sh.Max)
	}
	if v := c.field(pg.LimitKey); v != "" {
		n, err := strconv.Atoi(v)
		tooMany := sh != nil && sh.Max != nil && n > size
		if err != nil || float64(n) < least || tooMany {
			code := "InvalidParameterValue"
			if c.protocol() != "ec2" {
				code = "ValidationError"
			}
			return 0, true, badRequest(c, code, "Value ( %s ) for parameter %s is invalid. Expecting a value between %v and %d.", v, pg.LimitKey, least, size)
		}
		size, given = min(n, size), true
	}
	if a.opts.PageLimit > 0 {
		size = min(size, a.opts.PageLimit)
	}
	return size, given, nil
}

func (a *AWS) badToken(c *Call) *Reply {
	switch c.protocol() {
	case "ec2":
		return badRequest(c, "InvalidParameterValue", "Unable to parse pagination token")
	case "json":
		return c.Error(http.StatusBadRequest, "InvalidInputException", "You specified an invalid value for NextToken.", "Reason", "INVALID_NEXT_TOKEN")
	}
	return badRequest(c, "ValidationError", "The marker is not valid")
}

// identity is who asks and what, but for token and limit: a token belongs to it.
func (c *Call) identity(pg model.Paginator) string {
	id := c.Service + " " + c.Action + " " + c.Account + " " + c.Region + " "
	if c.protocol() == "json" {
		m := map[string]any{}
		if json.Unmarshal(c.raw, &m) != nil {
			return id + string(c.raw)
		}
		delete(m, pg.InputToken[0])
		delete(m, pg.LimitKey)
		b, err := json.Marshal(m)
		if err != nil {
			return id + string(c.raw)
		}
		return id + string(b)
	}
	v := url.Values{}
	for k, vs := range c.Params {
		if k != pg.InputToken[0] && k != pg.LimitKey {
			v[k] = vs
		}
	}
	return id + v.Encode()
}

// everything asks moto until it has no more.
func (a *AWS) everything(c *Call, pg model.Paginator) (*page, *Reply) {
	p := &page{call: c.identity(pg)}
	token := ""
	for {
		rep := a.toMoto(c, c.unpaged(pg, token))
		if rep.Status != http.StatusOK {
			return nil, rep
		}
		var err error
		if token, err = p.add(c, pg, rep); err != nil {
			a.errorf("%s %s: %v", c.Service, c.Action, err)
			return nil, rep
		}
		if token == "" {
			return p, nil
		}
	}
}

// unpaged is the request's body for moto: without the limit, with moto's own token.
func (c *Call) unpaged(pg model.Paginator, token string) []byte {
	if c.protocol() == "json" {
		m := map[string]any{}
		if json.Unmarshal(c.raw, &m) != nil {
			return c.raw
		}
		delete(m, pg.LimitKey)
		delete(m, pg.InputToken[0])
		if token != "" {
			m[pg.InputToken[0]] = token
		}
		b, err := json.Marshal(m)
		if err != nil {
			return c.raw
		}
		return b
	}
	f, err := url.ParseQuery(string(c.raw))
	if err != nil {
		return c.raw
	}
	f.Del(pg.LimitKey)
	f.Del(pg.InputToken[0])
	if token != "" {
		f.Set(pg.InputToken[0], token)
	}
	if c.Service == "ec2" && c.Action == "DescribeInstances" && len(c.List("InstanceId")) == 0 {
		f.Set(pg.LimitKey, "1000000") // the one call of EC2's that moto pages itself, by a hundred
	}
	return []byte(f.Encode())
}

// add takes one of moto's answers apart and returns moto's token for the next.
func (p *page) add(c *Call, pg model.Paginator, rep *Reply) (token string, err error) {
	out := c.svc.Output(c.op)
	list := model.ElementName(pg.ResultKey[0], out.Members[pg.ResultKey[0]])
	next := model.ElementName(pg.OutputToken[0], out.Members[pg.OutputToken[0]])
	if c.protocol() == "json" {
		m := map[string]json.RawMessage{}
		var items []json.RawMessage
		if err := json.Unmarshal(rep.Body, &m); err != nil {
			return "", fmt.Errorf("decode moto's answer: %w", err)
		}
		if m[list] != nil {
			if err := json.Unmarshal(m[list], &items); err != nil {
				return "", fmt.Errorf("decode moto's list: %w", err)
			}
		}
		if m[next] != nil {
			if err := json.Unmarshal(m[next], &token); err != nil {
				return "", fmt.Errorf("decode moto's token: %w", err)
			}
		}
		delete(m, next)
		p.json, p.shell = append(p.json, items...), m
		return token, nil
	}
	root, err := model.ParseXML(rep.Body)
	if err != nil {
		return "", err
	}
	res := c.svc.Result(c.op, root)
	if res == nil {
		return "", fmt.Errorf("answer without %s", c.op.Output.ResultWrapper)
	}
	if set := res.Child(list); set != nil {
		p.xml = append(p.xml, set.Children...)
		set.Children = nil
	}
	token = res.Path(next)
	res.Remove(next)
	if pg.MoreResults != "" {
		res.Remove(pg.MoreResults)
	}
	p.shell = root
	return token, nil
}

// cut answers the page's first items and keeps the rest under a token.
func (a *AWS) cut(c *Call, pg model.Paginator, p *page, limit int) *Reply {
	out := c.svc.Output(c.op)
	list := model.ElementName(pg.ResultKey[0], out.Members[pg.ResultKey[0]])
	next := model.ElementName(pg.OutputToken[0], out.Members[pg.OutputToken[0]])
	rest := &page{call: p.call, shell: p.shell}
	nx, nj := min(limit, len(p.xml)), min(limit, len(p.json))
	rest.xml, rest.json = p.xml[nx:], p.json[nj:]
	token := ""
	if len(rest.xml)+len(rest.json) > 0 {
		a.mu.Lock()
		a.pages.last++
		token = fmt.Sprintf("page-%d-%s", a.pages.last, c.Action)
		a.pages.next[token] = rest
		a.mu.Unlock()
	}
	if shell, ok := p.shell.(map[string]json.RawMessage); ok {
		m := map[string]any{}
		for k, v := range shell {
			m[k] = v
		}
		m[list] = append([]json.RawMessage{}, p.json[:nj]...)
		if token != "" {
			m[next] = token
		}
		return c.JSON(m)
	}
	root := *p.shell.(*model.Node)
	res := &root
	if w := c.op.Output.ResultWrapper; w != "" {
		res = replaced(&root, w)
	} else {
		root.Children = slices.Clone(root.Children)
	}
	if res.Child(list) != nil {
		replaced(res, list).Children = p.xml[:nx]
	}
	if pg.MoreResults != "" {
		res.Children = append(res.Children, &model.Node{Name: pg.MoreResults, Text: strconv.FormatBool(token != "")})
	}
	if token != "" {
		res.Children = append(res.Children, &model.Node{Name: next, Text: token})
	}
	return c.XML(&root)
}

// replaced puts a copy in the place of a child, so that a shared tree is not changed, and returns the copy.
func replaced(n *model.Node, name string) *model.Node {
	n.Children = slices.Clone(n.Children)
	for i, ch := range n.Children {
		if ch.Name == name {
			cp := *ch
			cp.Children = slices.Clone(ch.Children)
			n.Children[i] = &cp
			return &cp
		}
	}
	return nil
}
