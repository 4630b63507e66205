package advisory

import "strings"

// OracleFlavor returns the line of builds that an Oracle Linux package belongs to, by the suffix of its release: "ksplice" for what
// Ksplice patches at run time ("2:2.28-151.0.1.ksplice1.el8"), "fips" for modules validated by FIPS 140 ("10:3.6.16-4.0.1.el8_fips"), ""
// for all others. Their epochs are raised so that they never give way to an ordinary build: a fix of one line says nothing of the others
// (linux.oracle.com/errata, ELSA-2021-9344, ELSA-2022-9221). Rows of feeds carry it in Affected.Repo.
func OracleFlavor(evr string) string {
	switch {
	case strings.Contains(evr, ".ksplice"):
		return "ksplice"
	case strings.HasSuffix(evr, "_fips") || strings.Contains(evr, "_fips."):
		return "fips"
	}
	return ""
}
