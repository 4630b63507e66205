package export

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"hinomi/internal/asset"
	"hinomi/internal/connector"
	"hinomi/internal/finding"
)

// ocsfVersion is the version of the Open Cybersecurity Schema Framework whose classes are written.
const ocsfVersion = "1.8.0"

// ocsfObject is an event or an object of OCSF: its attributes by their names.
type ocsfObject map[string]any

// set sets an attribute that has a value.
func (o ocsfObject) set(name string, v any) {
	switch v := v.(type) {
	case string:
		if v == "" {
			return
		}
	case []string:
		if len(v) == 0 {
			return
		}
	case time.Time:
		if v.IsZero() {
			return
		}
		o[name] = v.UnixMilli() // timestamp_t
		return
	}
	o[name] = v
}

// OCSF writes findings as events of the Open Cybersecurity Schema Framework 1.8.0, one JSON object a line: findings about rules as Compliance
// Finding (class 2003), all others as Vulnerability Finding (class 2002), where what is no CVE is named by its weakness (CWE). What was not
// assessed is a Compliance Finding of its own with the status Unknown: a stream of findings alone would not show it.
func OCSF(w io.Writer, d *Document) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for i := range d.Findings {
		if err := e.Encode(d.ocsfEvent(&d.Findings[i])); err != nil {
			return fmt.Errorf("write OCSF: %w", err)
		}
	}
	for _, n := range d.NotAssessed {
		if err := e.Encode(d.ocsfMissing(n)); err != nil {
			return fmt.Errorf("write OCSF: %w", err)
		}
	}
	return nil
}

// ocsfClass fills what every event of a class has.
func (d *Document) ocsfClass(class, activity int, className string) ocsfObject {
	names := map[int]string{1: "Create", 2: "Update", 3: "Close", 99: "Other"}
	return ocsfObject{
		"class_uid": class, "class_name": className, "category_uid": 2, "category_name": "Findings",
		"activity_id": activity, "activity_name": names[activity], "type_uid": class*100 + activity, "type_name": className + ": " + names[activity],
		"time": d.Now.UnixMilli(), "metadata": ocsfObject{"version": ocsfVersion, "product": ocsfObject{"name": "hinomi", "vendor_name": "hinomi", "version": d.Version}},
	}
}

func (d *Document) ocsfEvent(f *finding.Finding) ocsfObject {
	activity := 2
	switch {
	case f.Status == finding.Closed:
		activity = 3
	case f.FirstSeen.IsZero() || f.FirstSeen.Equal(f.LastSeen):
		activity = 1
	}
	class, name := 2002, "Vulnerability Finding"
	if f.Rule != nil {
		class, name = 2003, "Compliance Finding"
	}
	ev := d.ocsfClass(class, activity, name)
	ev["severity_id"], ev["severity"] = ocsfSeverity(f.Severity)
	ev["status_id"], ev["status"] = ocsfStatus(f.Status)
	ev.set("status_detail", f.StatusWhy)
	ev.set("message", what(f))
	ev["finding_info"] = ocsfInfo(f)
	ev["resources"] = []ocsfObject{d.ocsfResource(f)}
	if r := f.Resource; r.Account != "" {
		ev["cloud"] = ocsfObject{"provider": "AWS", "region": r.Region, "account": ocsfObject{"uid": r.Account, "type": "AWS Account", "type_id": 10}, "cloud_partition": partition(r.Region)}
		ev["metadata"].(ocsfObject)["profiles"] = []string{"cloud"} //nolint:forcetypeassert // made above
	}
	if f.Rule != nil {
		c := ocsfObject{"control": f.Rule.ID, "status": "Fail", "status_id": 3}
		c.set("standards", []string{f.Rule.Source})
		c.set("status_detail", f.Rule.Detail)
		ev["compliance"] = c
		if f.Remediation != "" {
			ev["remediation"] = ocsfObject{"desc": f.Remediation}
		}
		return ev
	}
	ev["vulnerabilities"] = []ocsfObject{ocsfVulnerability(f)}
	return ev
}

// partition is the part of AWS that a region belongs to.
func partition(region string) string {
	switch connector.TypeOfRegion(region) {
	case connector.GovCloud:
		return "aws-us-gov"
	case connector.China:
		return "aws-cn"
	default:
		return "aws"
	}
}

// ocsfMissing is the event for something that was not assessed.
func (d *Document) ocsfMissing(text string) ocsfObject {
	ev := d.ocsfClass(2003, 99, "Compliance Finding")
	ev["severity_id"], ev["severity"] = ocsfSeverity(finding.Untriaged)
	ev["status_id"], ev["status"] = 1, "New"
	ev["message"] = "Not assessed: " + text
	ev["finding_info"] = ocsfObject{"uid": finding.Fingerprint("NOT_ASSESSED", asset.Ref{}, d.Target, text), "title": "Not assessed", "desc": text, "types": []string{"NOT_ASSESSED"}}
	ev["compliance"] = ocsfObject{"control": "NOT_ASSESSED", "status": "Unknown", "status_id": 0, "status_detail": text}
	if d.Target != "" {
		ev["resources"] = []ocsfObject{{"name": d.Target}}
	}
	return ev
}

// number writes a number as short as it can be, "" for 0.
func number(v float64) string {
	if v == 0 {
		return ""
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// arn is the Amazon Resource Name of an asset (Service Authorization Reference, "Resource types defined by Amazon EC2").
func arn(r asset.Ref) string {
	if strings.HasPrefix(r.ID, "arn:") {
		return r.ID
	}
	return "arn:" + partition(r.Region) + ":ec2:" + r.Region + ":" + r.Account + ":" + string(r.Kind) + "/" + r.ID
}
