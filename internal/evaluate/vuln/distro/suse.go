package distro

import (
	"slices"
	"strings"

	"hinomi/internal/inventory"
)

// Extended names the products of longer support that an installation of SUSE has by its enabled repositories, such as
// "SLE-Product-SLES15-SP4-LTSS-Updates": their advisories go on where the release's own have ended. SUSE's documents call them
// "Linux Enterprise Server 15 SP4-LTSS", "Linux Enterprise High Performance Computing 15 SP3-ESPOS",
// "Linux Enterprise Server LTSS Extended Security 12 SP5".
func Extended(os inventory.OS, repos []inventory.Repo) []string {
	tail := servicePack(os.VersionID)
	product := "Linux Enterprise Server "
	switch os.ID {
	case "sles", "sles_sap":
	case "sle_hpc":
		product = highPerformance
	default:
		return nil
	}
	var out []string
	add := func(name string) {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for _, r := range repos {
		if !r.Enabled || tail == "" {
			continue
		}
		words := strings.FieldsFunc(strings.ToUpper(r.ID), func(c rune) bool { return (c < 'A' || c > 'Z') && (c < '0' || c > '9') })
		if slices.Contains(words, "DEBUGINFO") || slices.Contains(words, "SOURCE") || slices.Contains(words, "DEBUG") {
			continue
		}
		for _, word := range []string{"LTSS", "ESPOS", "BCL"} {
			if slices.Contains(words, word) {
				add(product + tail + "-" + word)
			}
		}
		if slices.Contains(words, "LTSS") && slices.Contains(words, "EXTENDED") {
			add("Linux Enterprise Server LTSS Extended Security " + tail)
		}
	}
	slices.Sort(out)
	return out
}

const highPerformance = "Linux Enterprise High Performance Computing "

// servicePack names a service pack as SUSE's documents do: 15.5 is "15 SP5", 16.0 stays. It is "" for what is no release.
func servicePack(versionID string) string {
	m, sp, _ := strings.Cut(versionID, ".")
	switch {
	case !number(m) || sp != "" && !number(sp):
		return ""
	case len(m) > 1 && m >= "16":
		return versionID
	case sp == "" || sp == "0":
		return m
	}
	return m + " SP" + sp
}
