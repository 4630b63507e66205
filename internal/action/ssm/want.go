package ssm

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"hinomi/internal/asset"
	"hinomi/internal/run"
)

// Want is what a place should have. The zero value is nothing at all: what is ours is removed.
type Want struct {
	Inventory         bool     // software inventory of every managed instance, by AWS's own agent
	DataSync          bool     // written to our bucket, so that large fleets are read without a call for every instance
	Windows           bool     // the collector on Windows
	Linux             bool     // the collector on Linux: deep inspection
	InventorySchedule string   // DefaultInventory if ""
	WindowsSchedule   string   // DefaultWindows if ""
	LinuxSchedule     string   // DefaultLinux if ""
	LinuxPaths        []string // where the collector looks beside its default paths; at most ten: five of the account, five of the organisation
	Package           *Package // the collector; needed for Windows and Linux
}

// maxPaths is how many paths the model's deep inspection takes: five of an account and five of the organisation.
const maxPaths = 10

// Check says what is wrong with a wish, or returns nil.
func (w *Want) Check() error {
	for _, s := range []string{w.InventorySchedule, w.WindowsSchedule, w.LinuxSchedule} {
		if s != "" {
			if err := CheckSchedule(s); err != nil {
				return err
			}
		}
	}
	if len(w.LinuxPaths) > maxPaths {
		return fmt.Errorf("%d paths for deep inspection, at most %d", len(w.LinuxPaths), maxPaths)
	}
	for _, p := range w.LinuxPaths {
		if !strings.HasPrefix(p, "/") || strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f }) || strings.Contains(p, "{{") {
			return fmt.Errorf("path %q for deep inspection is not an absolute path without control characters", p)
		}
	}
	if (w.Windows || w.Linux) && w.Package == nil {
		return fmt.Errorf("the collector's package is missing")
	}
	if w.Windows && !w.Package.has("windows") || w.Linux && !w.Package.has("linux") {
		return fmt.Errorf("the collector's package has no file for a platform that is wanted")
	}
	return nil
}

// thing is one resource as it should be.
type thing struct {
	kind     asset.Kind
	name     string
	document *documentSpec
	assoc    *associationSpec
	after    []string // names of what it is built on
	twin     string   // ID of one that is there beside the one that is kept
}

type documentSpec struct {
	kind    ssmtypes.DocumentType
	content string
	pack    *Package
}

// version is the name of the document's version: the hash of what it holds, so that a look tells whether it is as it should be.
func (d documentSpec) version() string {
	sum := sha256.Sum256([]byte(d.content))
	v := hex.EncodeToString(sum[:8])
	if d.pack != nil {
		v = d.pack.Version + "-" + v
	}
	return v
}

type associationSpec struct {
	document string
	params   map[string][]string
	schedule string
	installs bool // it is what puts the collector on the hosts: removed by way of an uninstall
}

// aws is the document of AWS's that gathers inventory.
const gather = "AWS-GatherSoftwareInventory"

const (
	install   = "Install"
	uninstall = "Uninstall"
)

// all lists everything that there may be, in the order of making; wanted tells what should be there.
func (m *Manager) all(w *Want) (things []thing, wanted map[string]bool) {
	wanted = map[string]bool{
		m.Bucket(): w.DataSync || w.Windows || w.Linux, DataSync: w.DataSync, InventoryAssociation: w.Inventory,
		m.named(collectorPackage): w.Windows || w.Linux,
	}
	pack := documentSpec{kind: ssmtypes.DocumentTypePackage, pack: w.Package}
	if w.Package != nil {
		pack.content = w.Package.Manifest
	}
	things = []thing{
		{kind: run.KindBucket, name: m.Bucket()},
		{kind: run.KindDataSync, name: DataSync, after: []string{m.Bucket()}},
		{kind: run.KindDocument, name: m.named(collectorPackage), document: &pack, after: []string{m.Bucket()}},
	}
	for _, p := range m.platforms(w) {
		conf, invoke := m.named("HinomiConfigure"+p.name), m.named("HinomiInvoke"+p.name)
		things = append(things,
			thing{
				kind: run.KindDocument, name: conf, after: []string{m.named(collectorPackage)},
				document: &documentSpec{kind: ssmtypes.DocumentTypeCommand, content: configureDocument(m.named(collectorPackage), p.name)},
			},
			thing{
				kind: run.KindDocument, name: invoke,
				document: &documentSpec{kind: ssmtypes.DocumentTypeCommand, content: invokeDocument(p.plugin, p.name, p.command)},
			},
			thing{
				kind: run.KindAssociation, name: p.distributor, after: []string{conf},
				assoc: &associationSpec{document: conf, params: map[string][]string{"action": {install}}, schedule: distribute, installs: true},
			},
			thing{
				kind: run.KindAssociation, name: p.invoke, after: []string{invoke, p.distributor},
				assoc: &associationSpec{document: invoke, schedule: p.schedule},
			})
		for _, n := range []string{conf, invoke, p.distributor, p.invoke} {
			wanted[n] = p.wanted
		}
	}
	things = append(things, thing{kind: run.KindAssociation, name: InventoryAssociation, assoc: &associationSpec{
		document: gather, schedule: cmp.Or(w.InventorySchedule, DefaultInventory), params: gatherParameters(),
	}})
	return things, wanted
}

// platform is a family of hosts with its own two associations.
type platform struct {
	name, plugin, command, distributor, invoke, schedule string
	wanted                                               bool
}

func (m *Manager) platforms(w *Want) []platform {
	return []platform{
		{"Windows", "aws:runPowerShellScript", windowsCommand(m.Bucket()), WindowsDistributor, WindowsInvoke, cmp.Or(w.WindowsSchedule, DefaultWindows), w.Windows},
		{"Linux", "aws:runShellScript", linuxCommand(m.Bucket(), w.LinuxPaths), LinuxDistributor, LinuxInvoke, cmp.Or(w.LinuxSchedule, DefaultLinux), w.Linux},
	}
}

// gatherParameters are those of AWS-GatherSoftwareInventory: what is read, and nothing that costs more (files, registry, services).
func gatherParameters() map[string][]string {
	return map[string][]string{
		"applications": {"Enabled"}, "awsComponents": {"Enabled"}, "networkConfig": {"Enabled"}, "windowsUpdates": {"Enabled"},
		"instanceDetailedInformation": {"Enabled"}, "customInventory": {"Enabled"}, "services": {"Disabled"}, "windowsRoles": {"Disabled"},
	}
}

func writeJSON(v any) string {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic("ssm: a plain value did not encode: " + err.Error())
	}
	return string(b)
}

type object map[string]any

// configureDocument installs or uninstalls the package on hosts of one platform (Systems Manager User Guide, "Command document plugin
// reference": aws:configurePackage, and preconditions by platformType).
func configureDocument(name, platform string) string {
	return writeJSON(object{
		"schemaVersion": "2.2", "description": "Installs or uninstalls hinomi's collector on " + platform,
		"parameters": object{"action": object{"type": "String", "default": install, "allowedValues": []string{install, uninstall}, "description": "What to do with the collector"}},
		"mainSteps": []object{{
			"action": "aws:configurePackage", "name": "configureCollector", "precondition": object{"StringEquals": []string{"platformType", platform}},
			"inputs": object{"name": name, "action": "{{ action }}", "installationType": "Uninstall and reinstall"},
		}},
	})
}

// timeout is how long the collector may run; it is meant to take half a minute.
const timeout = "300"

func invokeDocument(plugin, platform, command string) string {
	return writeJSON(object{
		"schemaVersion": "2.2", "description": "Runs hinomi's collector on " + platform,
		"mainSteps": []object{{
			"action": plugin, "name": "collect", "precondition": object{"StringEquals": []string{"platformType", platform}},
			"inputs": object{"timeoutSeconds": timeout, "runCommand": strings.Split(command, "\n")},
		}},
	})
}

func linuxCommand(bucket string, paths []string) string {
	args := "collect-host --to ssm --bucket " + bucket + " --prefix " + CollectedPrefix
	for _, p := range paths {
		args += " --path '" + strings.ReplaceAll(p, "'", `'\''`) + "'"
	}
	return "if command -v ionice >/dev/null 2>&1; then idle='ionice -c 3'; else idle=; fi\nexec $idle nice -n 19 " + linuxFolder + "/hinomi " + args
}

func windowsCommand(bucket string) string {
	return "(Get-Process -Id $PID).PriorityClass = 'Idle'\n& '" + windowsFolder + `\hinomi.exe' collect-host --to ssm --bucket ` + bucket + " --prefix " + CollectedPrefix + "\nexit $LASTEXITCODE"
}
