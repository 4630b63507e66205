package export

import (
	"strings"

	"hinomi/internal/finding"
)

// ocsfSeverity maps a severity to severity_id and its caption.
func ocsfSeverity(s finding.Severity) (int, string) {
	switch s {
	case finding.Critical:
		return 5, "Critical"
	case finding.High:
		return 4, "High"
	case finding.Medium:
		return 3, "Medium"
	case finding.Low:
		return 2, "Low"
	case finding.Informational:
		return 1, "Informational"
	default:
		return 0, "Unknown"
	}
}

func ocsfStatus(s finding.Status) (int, string) {
	switch s {
	case finding.Suppressed:
		return 3, "Suppressed"
	case finding.Closed:
		return 4, "Resolved"
	default:
		return 1, "New"
	}
}

func ocsfInfo(f *finding.Finding) ocsfObject {
	info := ocsfObject{"uid": f.ID, "title": f.Title, "types": []string{string(f.Type)}}
	info.set("desc", f.Description)
	info.set("first_seen_time", f.FirstSeen)
	info.set("last_seen_time", f.LastSeen)
	info.set("created_time", f.FirstSeen)
	info.set("modified_time", f.UpdatedAt)
	if f.Rule != nil {
		info["analytic"] = ocsfObject{"uid": f.Rule.ID, "name": f.Rule.ID, "type": "Rule", "type_id": 1}
	}
	return info
}

func (d *Document) ocsfResource(f *finding.Finding) ocsfObject {
	ref := f.Resource
	if ref.ID == "" {
		r := ocsfObject{"name": d.place(f)}
		if d.Target != "" {
			r["name"] = d.Target
		}
		r.set("type", d.Kind)
		return r
	}
	r := ocsfObject{"uid": arn(ref), "type": string(ref.Kind), "region": ref.Region, "cloud_partition": partition(ref.Region)}
	r.set("name", d.Names[ref.ID])
	if r["name"] == nil {
		r["name"] = ref.ID
	}
	return r
}

// weakness names what is no CVE and no advisory by what kind of weakness it is (cwe.mitre.org).
func weakness(t finding.Type) ocsfObject {
	uid, caption := "1395", "Dependency on Vulnerable Third-Party Component"
	switch t { //nolint:exhaustive // the others are about components
	case finding.EndOfLife:
		uid, caption = "1104", "Use of Unmaintained Third Party Components"
	case finding.ExposedSecret:
		uid, caption = "522", "Insufficiently Protected Credentials"
	case finding.NetworkReachability:
		uid, caption = "668", "Exposure of Resource to Wrong Sphere"
	}
	return ocsfObject{"uid": "CWE-" + uid, "caption": caption, "src_url": "https://cwe.mitre.org/data/definitions/" + uid + ".html"}
}

// ocsfVulnerability is what a finding that is about no rule says. Exactly one of cve, advisory and cwe names it.
func ocsfVulnerability(f *finding.Finding) ocsfObject {
	v := ocsfObject{"title": f.Title}
	v.set("desc", f.Description)
	v.set("first_seen_time", f.FirstSeen)
	v.set("last_seen_time", f.LastSeen)
	if f.Remediation != "" {
		v["remediation"] = ocsfObject{"desc": f.Remediation}
	}
	p := f.Package
	if p == nil {
		v["cwe"] = weakness(f.Type)
		return v
	}
	v.set("severity", p.VendorSeverity)
	v.set("vendor_name", p.Source)
	v.set("related_vulnerabilities", p.Related)
	if u := page(f); u != "" {
		v["references"] = []string{u}
	}
	switch p.FixAvailable {
	case "YES":
		v["is_fix_available"], v["fix_coverage_id"], v["fix_coverage"] = true, 1, "Complete"
	case "PARTIAL":
		v["is_fix_available"], v["fix_coverage_id"], v["fix_coverage"] = true, 2, "Partial"
	case "NO":
		v["is_fix_available"], v["fix_coverage_id"], v["fix_coverage"] = false, 3, "None"
	}
	if p.ExploitAvailable != "" {
		v["is_exploit_available"] = p.ExploitAvailable == "YES"
	}
	switch {
	case isCVE(p.VulnerabilityID):
		v["cve"] = ocsfCVE(f)
	case p.VulnerabilityID != "":
		a := ocsfObject{"uid": p.VulnerabilityID}
		a.set("title", f.Title)
		a.set("src_url", page(f))
		v["advisory"] = a
	default:
		v["cwe"] = weakness(f.Type)
	}
	var list []ocsfObject
	for i := range p.Packages {
		list = append(list, ocsfPackage(&p.Packages[i]))
	}
	if len(list) > 0 {
		v["affected_packages"] = list
	}
	return v
}

func ocsfCVE(f *finding.Finding) ocsfObject {
	p := f.Package
	c := ocsfObject{"uid": p.VulnerabilityID}
	c.set("created_time", p.Published)
	var scores []ocsfObject
	for _, s := range p.CVSS {
		o := ocsfObject{"base_score": s.Score, "version": s.Version}
		o.set("vector_string", s.Vector)
		o.set("vendor_name", s.Source)
		scores = append(scores, o)
	}
	if len(scores) > 0 {
		c["cvss"] = scores
	}
	if p.EPSS > 0 {
		c["epss"] = ocsfObject{"score": number(p.EPSS), "percentile": p.EPSSPercentile}
	}
	var weak []ocsfObject
	for _, id := range p.CWEs {
		weak = append(weak, ocsfObject{"uid": id, "src_url": "https://cwe.mitre.org/data/definitions/" + strings.TrimPrefix(id, "CWE-") + ".html"})
	}
	if len(weak) > 0 {
		c["related_cwes"] = weak
	}
	return c
}

func ocsfPackage(p *finding.VulnerablePackage) ocsfObject {
	o := ocsfObject{"name": p.Name, "version": p.Version}
	o.set("architecture", p.Arch)
	o.set("package_manager", p.Ecosystem)
	o.set("fixed_in_version", p.FixedVersion)
	o.set("path", p.Path)
	o.set("purl", p.PURL)
	return o
}
