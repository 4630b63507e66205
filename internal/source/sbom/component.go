package sbom

import (
	"strconv"
	"strings"

	"hinomi/internal/inventory"
)

// component is a component of a CycloneDX document, as far as it says what is installed.
type component struct {
	kind, group, name, version, description, purl, cpe string
	locations                                          []string // evidence.occurrences
	sha1                                               string
	props                                              map[string]string // those that keepProperty keeps
}

// maxLocations bounds the places of one component.
const maxLocations = 100

// keepProperty reports whether a property is one that we read: our own, and those in which Trivy and syft keep what CycloneDX has no field for.
func keepProperty(name string) bool {
	return strings.HasPrefix(name, "hinomi:") || strings.HasPrefix(name, "aquasecurity:trivy:") || name == "syft:location:0:path"
}

func (c *component) setProperty(name, value string) {
	if !keepProperty(name) {
		return
	}
	if c.props == nil {
		c.props = map[string]string{}
	}
	c.props[name] = value
}

// cycloneDocument reads components; the system first, since packages are judged by it.
type cycloneDocument struct {
	*document
	systems []inventory.OS // those that components of the type operating-system name
	subject inventory.OS   // the one that the document is about; components say more of it
	waiting []component
}

// take takes a component. subject marks metadata.component: what the document is about is no package of the host, unless it is its system.
func (d *cycloneDocument) take(c component, subject bool) error {
	switch {
	case c.kind == "operating-system":
		if subject && c.name == "unknown" { // hinomi's own word where no os-release was read
			return nil
		}
		if subject {
			d.subject = c.os()
			return nil
		}
		d.systems = append(d.systems, c.os())
		return nil
	case subject:
		return nil
	}
	if len(d.waiting) >= MaxPackages {
		return tooMany()
	}
	d.waiting = append(d.waiting, c)
	return nil
}

// place places all that was taken.
func (d *cycloneDocument) place() error {
	for _, os := range append(d.systems, d.subject) {
		if !d.setOS(os) {
			d.gap("operating system "+os.ID+" "+os.VersionID, d.otherSystem(os))
		}
	}
	for i := range d.waiting {
		if err := d.component(&d.waiting[i]); err != nil {
			return err
		}
	}
	return nil
}

// os is the system that a component of the type operating-system names.
func (c *component) os() inventory.OS {
	id := strings.ToLower(c.name)
	if s, ok := systemNamed(c.name); ok {
		id = s.id
	}
	return inventory.OS{
		ID: id, VersionID: c.version, PrettyName: c.description, CPE: c.cpe, Codename: c.props["hinomi:codename"], IDLike: c.props["hinomi:idLike"],
		Arch: c.props["hinomi:arch"], Build: c.props["hinomi:build"], Pro: c.props["hinomi:ubuntuPro"] == "true",
	}
}

// component adds a component that is a package. Files, data, devices and what only groups others are none (CycloneDX 1.6, "component.type");
// a library, framework, application or driver without a package URL is a gap.
func (d *cycloneDocument) component(c *component) error {
	if c.props["hinomi:ecosystem"] != "" {
		return d.add(c.own())
	}
	if c.purl != "" {
		return d.addPURL(c.purl, c.complete)
	}
	label := strings.TrimSpace(c.fullName() + " " + c.version)
	switch c.kind {
	case "library", "framework":
		d.gap(label, "the component has no package URL: its ecosystem is not known")
	case "application", "platform", "firmware", "device-driver", "container":
		if c.version != "" && c.kind != "container" { // without a version it is the lock file or program that holds the others
			d.gap(label, "a component of type "+c.kind+" without a package URL is not judged")
		}
	case "file", "data", "device", "machine-learning-model", "cryptographic-asset": // no packages
	default:
		d.gap(label, "components of type "+strconv.Quote(c.kind)+" are not known")
	}
	return nil
}

func (c *component) fullName() string {
	if c.group != "" {
		return c.group + "/" + c.name
	}
	return c.name
}

// own restores a package that hinomi wrote.
func (c *component) own() inventory.Package {
	p := inventory.Package{
		Ecosystem: inventory.Ecosystem(c.props["hinomi:ecosystem"]), Name: c.name, Version: c.version, PURL: c.purl, SHA1: c.sha1,
		FoundBy: c.props["hinomi:foundBy"], Arch: c.props["hinomi:arch"], SourceName: c.props["hinomi:sourceName"], SourceVersion: c.props["hinomi:sourceVersion"],
		Module: c.props["hinomi:module"], Vendor: c.props["hinomi:vendor"], Repository: c.props["hinomi:repository"], Status: c.props["hinomi:status"],
		OwnedBy: c.props["hinomi:ownedBy"], Parent: c.props["hinomi:parent"], Dev: c.props["hinomi:dev"] == "true",
	}
	if len(c.locations) > 0 {
		p.Location = c.locations[0]
	}
	return p
}

// complete adds what Trivy and syft say beside the package URL: where the package lies, and the source it was built from.
func (c *component) complete(p *inventory.Package) {
	const trivy = "aquasecurity:trivy:"
	switch {
	case len(c.locations) > 0:
		p.Location = c.locations[0]
	case c.props[trivy+"FilePath"] != "":
		p.Location = c.props[trivy+"FilePath"]
	default:
		p.Location = c.props["syft:location:0:path"]
	}
	p.Module = c.props[trivy+"Modularitylabel"]
	if src := c.props[trivy+"SrcName"]; src != "" {
		p.SourceName = src
		v := c.props[trivy+"SrcVersion"]
		if r := c.props[trivy+"SrcRelease"]; r != "" && v != "" {
			v += "-" + r
		}
		if e := c.props[trivy+"SrcEpoch"]; e != "" && e != "0" && v != "" {
			v = e + ":" + v
		}
		if v != "" && v != p.Version {
			p.SourceVersion = v
		}
	}
}

// metadata reads what hinomi writes of the whole inventory into the properties of the document: what was covered, and what could not be read.
func (d *cycloneDocument) metadata(name, value string) {
	switch name {
	case "hinomi:covered":
		d.inv.Covered = append(d.inv.Covered, value)
	case "hinomi:gap":
		what, why, _ := strings.Cut(value, ": ")
		d.gap(what, why)
	case "hinomi:kernel":
		d.inv.Kernel.Release = value
	case "hinomi:kernelRunning":
		d.inv.Kernel.Running = value == "true"
	case "hinomi:kernelInstalled":
		d.inv.Kernel.Installed = append(d.inv.Kernel.Installed, value)
	case "hinomi:repository":
		id, topic, _ := strings.Cut(value, " ")
		d.inv.Repos = append(d.inv.Repos, inventory.Repo{ID: id, Topic: topic, Enabled: true})
	}
}
