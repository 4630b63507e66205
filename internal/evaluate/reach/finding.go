package reach

import (
	"fmt"
	"strconv"

	"hinomi/internal/finding"
)

// severePorts are the ports whose exposure to everyone is a high risk, with what usually listens there: the list of AWS FSBP EC2.19
// ("Security groups should not allow unrestricted access to ports with high risk"), with WinRM, VNC, memcached, Redis and MongoDB added,
// which give the same access to whoever gets there.
var severePorts = [...]struct {
	port    uint16
	service string
}{
	{20, "FTP data"},
	{21, "FTP"},
	{22, "SSH"},
	{23, "Telnet"},
	{25, "SMTP"},
	{110, "POP3"},
	{135, "RPC"},
	{143, "IMAP"},
	{445, "SMB"},
	{1433, "SQL Server"},
	{1434, "SQL Server"},
	{3000, "web development"},
	{3306, "MySQL"},
	{3389, "RDP"},
	{4333, "ahsp"},
	{5000, "web development"},
	{5432, "PostgreSQL"},
	{5500, "fcp-addr-srvr1"},
	{5601, "OpenSearch Dashboards"},
	{5900, "VNC"},
	{5985, "WinRM"},
	{5986, "WinRM"},
	{6379, "Redis"},
	{8080, "proxy"},
	{8088, "legacy HTTP"},
	{8888, "alternative HTTP"},
	{9200, "OpenSearch"},
	{9300, "OpenSearch"},
	{11211, "memcached"},
	{27017, "MongoDB"},
}

// Findings returns one finding per instance, protocol, range of ports and way in, for the reachable exposures. They carry no times.
func Findings(exposures []Exposure) []finding.Finding {
	var out []finding.Finding
	seen := map[string]int{}
	for _, e := range exposures {
		if e.Verdict != Reachable {
			continue
		}
		ranges := e.Ports
		if len(ranges) == 0 {
			ranges = []Ports{{0, 65535}}
		}
		for _, r := range ranges {
			f := e.finding(r)
			if i, ok := seen[f.ID]; ok { // the same ports through another address of the instance
				out[i].Why = append(out[i].Why, f.Why...)
				continue
			}
			seen[f.ID] = len(out)
			out = append(out, f)
		}
	}
	return out
}

func (e Exposure) finding(r Ports) finding.Finding {
	words := e.Protocol
	if e.Protocol == "tcp" || e.Protocol == "udp" {
		words += " " + r.String()
	}
	severity, service := risk(e.Protocol, r)
	title := words + " is reachable from the " + e.From
	if service != "" {
		title += " (" + service + ")"
	}
	return finding.Finding{
		ID:       finding.Fingerprint(finding.NetworkReachability, e.ref, e.From, e.Protocol, r.String()),
		Type:     finding.NetworkReachability,
		Title:    title,
		Severity: severity,
		Resource: e.ref,
		Network: &finding.Network{
			Protocol: e.Protocol, FromPort: int(r.From), ToPort: int(r.To), From: e.From, Address: e.Address.String(), Path: e.Path,
		},
		Remediation: "Narrow the security group's rule to the addresses that need it, or take the public address away.",
		Why:         append([]string{"address " + e.Address.String() + " of " + e.ENI}, e.Why...),
		Status:      finding.Active,
	}
}

// risk returns the severity of an exposure to the internet: HIGH with a severe port in the range, LOW for the web's own ports and for ICMP,
// MEDIUM for everything else.
func risk(protocol string, r Ports) (severity finding.Severity, service string) {
	if protocol != "tcp" && protocol != "udp" {
		return finding.Low, ""
	}
	if r.From == 0 && r.To == 65535 {
		return finding.High, "every port"
	}
	for _, s := range severePorts {
		if r.From <= s.port && s.port <= r.To {
			return finding.High, s.service
		}
	}
	if r.From == r.To && (r.From == 80 || r.From == 443) {
		return finding.Low, "web"
	}
	return finding.Medium, ""
}

// String writes a range as 22 or 1000-2000.
func (p Ports) String() string {
	if p.From == p.To {
		return strconv.Itoa(int(p.From))
	}
	return fmt.Sprintf("%d-%d", p.From, p.To)
}
