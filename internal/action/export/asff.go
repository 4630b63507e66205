package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/finding"
)

// ErrNoAccount says that a finding lies on nothing of AWS, which the AWS Security Finding Format cannot express.
var ErrNoAccount = errors.New("the finding is about no AWS account")

// asffBatch is how many findings one BatchImportFindings takes (AWS Security Hub API reference).
const asffBatch = 100

// The parts of the AWS Security Finding Format (Security Hub user guide, "ASFF syntax"; schema version 2018-10-08) that are written.
type (
	asffRequest struct {
		Findings []asffFinding `json:"Findings"`
	}
	asffFinding struct {
		SchemaVersion   string              `json:"SchemaVersion"`
		ID              string              `json:"Id"`
		ProductArn      string              `json:"ProductArn"`
		ProductName     string              `json:"ProductName"`
		CompanyName     string              `json:"CompanyName"`
		Region          string              `json:"Region,omitempty"`
		GeneratorID     string              `json:"GeneratorId"`
		Account         string              `json:"AwsAccountId"`
		Types           []string            `json:"Types"`
		FirstObserved   string              `json:"FirstObservedAt,omitempty"`
		LastObserved    string              `json:"LastObservedAt,omitempty"`
		Created         string              `json:"CreatedAt"`
		Updated         string              `json:"UpdatedAt"`
		Severity        asffSeverity        `json:"Severity"`
		Title           string              `json:"Title"`
		Description     string              `json:"Description"`
		Remediation     *asffRemediation    `json:"Remediation,omitempty"`
		SourceURL       string              `json:"SourceUrl,omitempty"`
		Fields          map[string]string   `json:"ProductFields,omitempty"`
		Resources       []asffResource      `json:"Resources"`
		Compliance      *asffCompliance     `json:"Compliance,omitempty"`
		Vulnerabilities []asffVulnerability `json:"Vulnerabilities,omitempty"`
		Workflow        asffWorkflow        `json:"Workflow"`
		RecordState     string              `json:"RecordState"`
	}
	asffSeverity struct {
		Label    string `json:"Label"`
		Original string `json:"Original,omitempty"`
	}
	asffRemediation struct {
		Recommendation asffRecommendation `json:"Recommendation"`
	}
	asffRecommendation struct {
		Text string `json:"Text,omitempty"`
		URL  string `json:"Url,omitempty"`
	}
	asffResource struct {
		Type      string            `json:"Type"`
		ID        string            `json:"Id"`
		Partition string            `json:"Partition"`
		Region    string            `json:"Region,omitempty"`
		Tags      map[string]string `json:"Tags,omitempty"`
	}
	asffCompliance struct {
		Status  string `json:"Status"`
		Control string `json:"SecurityControlId,omitempty"`
	}
	asffWorkflow struct {
		Status string `json:"Status"`
	}
	asffVulnerability struct {
		ID         string        `json:"Id"`
		Packages   []asffPackage `json:"VulnerablePackages,omitempty"`
		CVSS       []asffCVSS    `json:"Cvss,omitempty"`
		Related    []string      `json:"RelatedVulnerabilities,omitempty"`
		Vendor     *asffVendor   `json:"Vendor,omitempty"`
		References []string      `json:"ReferenceUrls,omitempty"`
		Fix        string        `json:"FixAvailable,omitempty"`
		EPSS       float64       `json:"EpssScore,omitempty"`
		Exploit    string        `json:"ExploitAvailable,omitempty"`
	}
	asffPackage struct {
		Name         string `json:"Name"`
		Version      string `json:"Version"`
		Architecture string `json:"Architecture,omitempty"`
		Manager      string `json:"PackageManager,omitempty"`
		Path         string `json:"FilePath,omitempty"`
		Fixed        string `json:"FixedInVersion,omitempty"`
	}
	asffCVSS struct {
		Version string  `json:"Version"`
		Score   float64 `json:"BaseScore"`
		Vector  string  `json:"BaseVector,omitempty"`
		Source  string  `json:"Source,omitempty"`
	}
	asffVendor struct {
		Name     string `json:"Name"`
		URL      string `json:"Url,omitempty"`
		Severity string `json:"VendorSeverity,omitempty"`
	}
)

// ASFF writes findings in the AWS Security Finding Format: a request of BatchImportFindings with at most 100 findings on each line, as
// `aws securityhub batch-import-findings --cli-input-json` takes it. A finding that lies on nothing of AWS is ErrNoAccount. The format has no
// place for what was not assessed: hinomi coverage says it.
func ASFF(w io.Writer, d *Document) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	var batch asffRequest
	flush := func() error {
		if len(batch.Findings) == 0 {
			return nil
		}
		if err := e.Encode(batch); err != nil {
			return fmt.Errorf("write ASFF: %w", err)
		}
		batch.Findings = batch.Findings[:0]
		return nil
	}
	for i := range d.Findings {
		f := &d.Findings[i]
		if len(f.Resource.Account) != 12 || f.Resource.ID == "" {
			return fmt.Errorf("%w: %s on %s", ErrNoAccount, what(f), d.place(f))
		}
		batch.Findings = append(batch.Findings, d.asffFinding(f))
		if len(batch.Findings) == asffBatch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

func (d *Document) asffFinding(f *finding.Finding) asffFinding {
	r := f.Resource
	region := r.Region
	if region == asset.Global {
		region = "us-east-1" // where Security Hub keeps findings about global resources
	}
	out := asffFinding{
		SchemaVersion: "2018-10-08", ID: "hinomi/" + f.ID, ProductName: "hinomi", CompanyName: "hinomi", Region: region,
		ProductArn:  "arn:" + partition(region) + ":securityhub:" + region + ":" + r.Account + ":product/" + r.Account + "/default",
		GeneratorID: "hinomi/" + vulnerability(f), Account: r.Account, Types: []string{asffType(f)},
		FirstObserved: stamp(f.FirstSeen), LastObserved: stamp(f.LastSeen), Created: stamp(first(f.FirstSeen, d.Now)), Updated: stamp(first(f.UpdatedAt, f.LastSeen, d.Now)),
		Severity: asffSeverity{Label: string(f.Severity)}, Title: clip(first(f.Title, what(f)), 256), Description: clip(first(f.Description, what(f), f.Title), 1024),
		SourceURL: page(f), Fields: map[string]string{"hinomi/type": string(f.Type)},
		Resources: []asffResource{{Type: asffResourceType(r.Kind), ID: arn(r), Partition: partition(r.Region), Region: region}},
		Workflow:  asffWorkflow{"NEW"}, RecordState: "ACTIVE",
	}
	if f.Severity == finding.Untriaged { // a word that the format does not have
		out.Severity = asffSeverity{"INFORMATIONAL", "UNTRIAGED"}
	}
	if n := d.Names[r.ID]; n != "" {
		out.Resources[0].Tags = map[string]string{"Name": n}
	}
	if f.Remediation != "" {
		out.Remediation = &asffRemediation{asffRecommendation{Text: clip(f.Remediation, 512)}}
	}
	switch f.Status { //nolint:exhaustive // active is as it was made
	case finding.Closed:
		out.Workflow.Status, out.RecordState = "RESOLVED", "ARCHIVED"
	case finding.Suppressed:
		out.Workflow.Status = "SUPPRESSED"
	}
	if f.Rule != nil {
		out.Compliance = &asffCompliance{Status: "FAILED"}
		out.Fields["hinomi/ruleSource"] = f.Rule.Source
	}
	if f.Package != nil {
		out.Vulnerabilities = []asffVulnerability{asffOf(f)}
		if f.Package.KEVAdded != "" {
			out.Fields["hinomi/kevDateAdded"], out.Fields["hinomi/kevDateDue"] = f.Package.KEVAdded, f.Package.KEVDue
		}
	}
	return out
}

// first returns the first value that is not zero.
func first[T string | time.Time](list ...T) T {
	var zero T
	for _, v := range list {
		if v != zero {
			return v
		}
	}
	return zero
}

// asffType is the type in the format's own taxonomy ("Types taxonomy for ASFF").
func asffType(f *finding.Finding) string {
	switch f.Type {
	case finding.PackageVulnerability:
		if isCVE(vulnerability(f)) {
			return "Software and Configuration Checks/Vulnerabilities/CVE"
		}
		return "Software and Configuration Checks/Vulnerabilities"
	case finding.NetworkReachability:
		return "Software and Configuration Checks/AWS Security Best Practices/Network Reachability"
	case finding.ExposedSecret:
		return "Sensitive Data Identifications/Security"
	case finding.EndOfLife:
		return "Software and Configuration Checks/Vulnerabilities/End of Life"
	default:
		return "Software and Configuration Checks/AWS Security Best Practices"
	}
}

// asffResourceType is the format's word for a kind of asset ("Resources"), Other for those it has none for.
func asffResourceType(k asset.Kind) string {
	types := map[asset.Kind]string{
		asset.KindInstance: "AwsEc2Instance", asset.KindVolume: "AwsEc2Volume", asset.KindNetworkInterface: "AwsEc2NetworkInterface",
		asset.KindAddress: "AwsEc2Eip", asset.KindVPC: "AwsEc2Vpc", asset.KindSubnet: "AwsEc2Subnet", asset.KindRouteTable: "AwsEc2RouteTable",
		asset.KindNetworkACL: "AwsEc2NetworkAcl", asset.KindSecurityGroup: "AwsEc2SecurityGroup", asset.KindPeering: "AwsEc2VpcPeeringConnection",
		asset.KindTransitGateway: "AwsEc2TransitGateway", asset.KindVPNConnection: "AwsEc2VpnConnection", asset.KindLoadBalancer: "AwsElbv2LoadBalancer",
	}
	if t := types[k]; t != "" {
		return t
	}
	return "Other"
}

func asffOf(f *finding.Finding) asffVulnerability {
	p := f.Package
	v := asffVulnerability{ID: first(p.VulnerabilityID, vulnerability(f)), Related: p.Related, Fix: p.FixAvailable, EPSS: p.EPSS, Exploit: p.ExploitAvailable}
	for i := range p.Packages {
		q := &p.Packages[i]
		v.Packages = append(v.Packages, asffPackage{Name: q.Name, Version: q.Version, Architecture: q.Arch, Manager: strings.ToUpper(q.Ecosystem), Path: q.Path, Fixed: q.FixedVersion})
	}
	for _, c := range p.CVSS {
		v.CVSS = append(v.CVSS, asffCVSS{c.Version, c.Score, c.Vector, c.Source})
	}
	if p.Source != "" {
		v.Vendor = &asffVendor{Name: p.Source, URL: page(f), Severity: p.VendorSeverity}
	}
	if u := page(f); u != "" {
		v.References = []string{u}
	}
	return v
}
