package bench_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hinomi/bench"
)

func TestReadPackages(t *testing.T) {
	const theirs = `{"bomFormat":"CycloneDX","components":[
		{"name":"debian"},
		{"purl":"pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12.5"},
		{"purl":"pkg:deb/debian/vim@9.0-1?arch=amd64&epoch=2"},
		{"purl":"pkg:deb/debian/libstdc%2B%2B6@12.2.0-14"},
		{"purl":"pkg:npm/%40types/node@20.1.0","properties":[{"name":"aquasecurity:trivy:FilePath","value":"opt/app/package.json"}]},
		{"purl":"pkg:golang/github.com/BurntSushi/toml@v1.4.0"},
		{"purl":"pkg:pypi/Ruamel.yaml@0.17"}]}`
	const ours = `{"bomFormat":"CycloneDX","components":[
		{"purl":"pkg:deb/debian/libc6@2.36-9"},
		{"purl":"pkg:deb/debian/vim@2:9.0-1?arch=amd64"},
		{"purl":"pkg:deb/debian/libstdc++6@12.2.0-14"},
		{"purl":"pkg:npm/%40types%2Fnode@20.1.0","evidence":{"occurrences":[{"location":"/opt/app/package.json"}]}},
		{"purl":"pkg:golang/github.com/burntsushi/toml@v1.4.0"}]}`
	want, err := bench.ReadPackages([]byte(theirs))
	if err != nil {
		t.Fatal(err)
	}
	got, err := bench.ReadPackages([]byte(ours))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"pypi/ruamel-yaml@0.17"}, bench.Missing(got, want)); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	const node = "npm/@types/node@20.1.0"
	if diff := cmp.Diff(want[node], got[node]); diff != "" || len(got[node]) != 1 {
		t.Errorf("places of %s: %s", node, diff)
	}
	if diff := cmp.Diff(map[string]int{"deb": 3, "npm": 1, "golang": 1}, got.Kinds()); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
}

func TestReadPackagesRefuses(t *testing.T) {
	for name, document := range map[string]string{
		"no_json":        "{",
		"another_format": `{"spdxVersion":"SPDX-2.3"}`,
		"no_purl":        `{"bomFormat":"CycloneDX","components":[{"purl":"libc6"}]}`,
	} {
		if p, err := bench.ReadPackages([]byte(document)); err == nil {
			t.Errorf("%s: got %v, want an error", name, p)
		}
	}
}

func TestReason(t *testing.T) {
	for _, c := range []struct {
		name, place string
		explained   bool
	}{
		{"npm/app@1.0.0", "/opt/app/package.json", true},
		{"npm/dist@1.0.0", "/opt/app/node_modules/terser/dist/package.json", true},
		{"npm/terser@5.0.0", "/opt/app/node_modules/terser/package.json", false},
		{"npm/@babel/core@7.0.0", "/opt/app/node_modules/@babel/core/package.json", false},
		{"npm/left-pad@1.0.0", "/opt/app/package-lock.json", false},
		{"deb/debian/vim@9.0", "/var/lib/dpkg/status", false},
	} {
		if got := bench.Reason(c.name, []string{c.place}) != ""; got != c.explained {
			t.Errorf("%s at %s: explained %t, want %t", c.name, c.place, got, c.explained)
		}
	}
	if bench.Reason("npm/app@1.0.0", nil) != "" {
		t.Error("a package at no place is explained")
	}
}

func TestMedian(t *testing.T) {
	costs := []bench.Cost{{Wall: 3, CPU: 10, Peak: 7}, {Wall: 1, CPU: 30, Peak: 9}, {Wall: 2, CPU: 20, Peak: 8}}
	if diff := cmp.Diff(bench.Cost{Wall: 2, CPU: 20, Peak: 8}, bench.Median(costs)); diff != "" {
		t.Errorf("median (-want +got):\n%s", diff)
	}
}

// TestRun measures a program whose child does the work: its memory and time count.
func TestRun(t *testing.T) {
	const script = `awk 'BEGIN { s = "x"; while (length(s) < 40000000) s = s s; for (i = 0; i < 3000000; i++) n += i; print length(s) }' | cat`
	out, cost, err := bench.Run(t.Context(), []string{"PATH=/usr/bin:/bin"}, "/bin/sh", "-c", script)
	if err != nil {
		t.Fatal(err)
	}
	if string(out) != "67108864\n" {
		t.Errorf("got output %q", out)
	}
	if cost.Peak < 67_108_864 || cost.CPU <= 0 || cost.Wall < time.Millisecond {
		t.Errorf("got %+v, want more than 64 MiB and some time", cost)
	}
	if _, _, err := bench.Run(t.Context(), nil, "/bin/sh", "-c", "exit 3"); err == nil {
		t.Error("got no error of a program that failed")
	}
}
