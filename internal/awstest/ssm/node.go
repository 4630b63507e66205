package ssm

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"hinomi/internal/awstest"
)

// Node is a managed instance.
type Node struct {
	ID, Ping, Platform, Name, Version string
	LastPing                          time.Time
	Agent                             string
	Latest                            bool
	items                             map[string]*item
}

// item is one type of a node's inventory.
type item struct {
	schema, captured, hash string
	entries                []map[string]string
}

// AddNode adds a managed instance to an account's region.
func (s *Server) AddNode(account, region string, n Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n.items = map[string]*item{}
	p := s.place(account, region)
	p.nodes = append(p.nodes, &n)
}

// SetInventory sets one type of a node's inventory, as the agent's upload does.
func (s *Server) SetInventory(account, region, id, kind, schema string, captured time.Time, entries []map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.place(account, region).node(id)
	if n == nil {
		s.t.Errorf("awstest/ssm: no node %s", id)
		return
	}
	n.items[kind] = &item{schema: schema, captured: captured.UTC().Format(time.RFC3339), entries: entries}
}

// SetSetting sets a service setting of an account's region.
func (s *Server) SetSetting(account, region, id, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.place(account, region).settings[id] = value
}

func (p *place) node(id string) *Node {
	if i := slices.IndexFunc(p.nodes, func(n *Node) bool { return n.ID == id }); i >= 0 {
		return p.nodes[i]
	}
	return nil
}

func (s *Server) describeInstances(c *awstest.Call, p *place) (any, *failure) {
	page, next, bad := cut(s, read[pager](s, c), 50, p.nodes)
	if bad != nil {
		return nil, bad
	}
	list := []map[string]any{}
	for _, n := range page {
		kind := "EC2Instance"
		if strings.HasPrefix(n.ID, "mi-") {
			kind = "ManagedInstance"
		}
		m := map[string]any{
			"InstanceId": n.ID, "PingStatus": n.Ping, "LastPingDateTime": seconds(n.LastPing), "AgentVersion": n.Agent, "IsLatestVersion": n.Latest,
			"PlatformType": n.Platform, "PlatformName": n.Name, "PlatformVersion": n.Version, "ResourceType": kind, "ComputerName": n.ID + ".internal",
			"AssociationStatus": "Success",
		}
		list = append(list, m)
	}
	return withNext(map[string]any{"InstanceInformationList": list}, next), nil
}

func withNext(m map[string]any, next string) map[string]any {
	if next != "" {
		m["NextToken"] = next
	}
	return m
}

func (s *Server) listEntries(c *awstest.Call, p *place) (any, *failure) {
	in := read[struct {
		pager
		InstanceId, TypeName string //nolint:revive // AWS's spelling
	}](s, c)
	n := p.node(in.InstanceId)
	if n == nil {
		return nil, &failure{"InvalidInstanceId", "The instance " + in.InstanceId + " is not managed in this account."}
	}
	out := map[string]any{"InstanceId": in.InstanceId, "TypeName": in.TypeName, "Entries": []map[string]string{}}
	it := n.items[in.TypeName]
	if it == nil {
		return out, nil // AWS answers an empty list without a time for a type that was never captured
	}
	page, next, bad := cut(s, in.pager, 50, it.entries)
	if bad != nil {
		return nil, bad
	}
	out["SchemaVersion"], out["CaptureTime"], out["Entries"] = it.schema, it.captured, page
	return withNext(out, next), nil
}

// Largest sizes of an upload in the agent's own check (amazon-ssm-agent, agent/plugins/inventory/model: SizeLimitKBPerInventoryType, TotalSizeLimitKB).
const (
	maxType = 3072 << 10
	maxPut  = 10240 << 10
)

func (s *Server) putInventory(c *awstest.Call, p *place) (any, *failure) {
	in := read[struct {
		InstanceId string //nolint:revive // AWS's spelling
		Items      []struct {
			TypeName, SchemaVersion, CaptureTime, ContentHash string
			Content                                           []map[string]string
		}
	}](s, c)
	n := p.node(in.InstanceId)
	if n == nil {
		return nil, &failure{"InvalidInstanceId", "The instance is not managed."}
	}
	if len(c.Body) > maxPut {
		return nil, &failure{"TotalSizeLimitExceededException", "The size of inventory data has exceeded the total size limit for the resource."}
	}
	for _, i := range in.Items {
		b, err := json.Marshal(i.Content)
		if err != nil || len(b) > maxType {
			return nil, &failure{"ItemSizeLimitExceededException", "The inventory item size has exceeded the size limit."}
		}
		sum := md5.Sum(b) // SSM API reference, InventoryItem: ContentHash
		if got := hex.EncodeToString(sum[:]); i.ContentHash != "" && i.Content == nil && n.items[i.TypeName] != nil && n.items[i.TypeName].hash == i.ContentHash {
			n.items[i.TypeName].captured = i.CaptureTime
			continue
		} else if i.ContentHash == "" {
			i.ContentHash = got
		}
		n.items[i.TypeName] = &item{schema: i.SchemaVersion, captured: i.CaptureTime, entries: i.Content, hash: i.ContentHash}
	}
	return map[string]any{"Message": "done"}, nil
}

func (s *Server) getSetting(c *awstest.Call, p *place) (any, *failure) {
	in := read[struct{ SettingId string }](s, c) //nolint:revive // AWS's spelling
	v, ok := p.settings[in.SettingId]
	if !ok {
		return nil, &failure{"ServiceSettingNotFound", "Setting " + in.SettingId + " is not found."}
	}
	return map[string]any{"ServiceSetting": map[string]any{"SettingId": in.SettingId, "SettingValue": v, "Status": "Customized"}}, nil
}
