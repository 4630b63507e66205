package epss_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hinomi/internal/advisory"
	"hinomi/internal/source/feed/epss"
	"hinomi/internal/source/feed/feedtest"
	"hinomi/internal/source/feed/form"
)

func TestEPSS(t *testing.T) {
	for _, c := range []struct {
		file string
		want advisory.EPSS
	}{
		{"epss_scores-2021-04-14.csv.gz", advisory.EPSS{Score: 0.65117, Date: "2021-04-14"}},
		{"epss_scores-2021-09-01.csv.gz", advisory.EPSS{Score: 0.65117, Percentile: 0.9981063485700858, Date: "2021-09-01"}},
		{"epss_scores-2022-02-04.csv.gz", advisory.EPSS{Score: 0.96817, Percentile: 0.99999, Date: "2022-02-04"}},
		{"epss_scores-2023-03-07.csv.gz", advisory.EPSS{Score: 0.97567, Percentile: 0.99995, Date: "2023-03-07"}},
	} {
		s, _ := feedtest.Read(t, epss.Feed(), "epss/"+c.file, feedtest.Testdata(t, c.file))
		got := s.CVEs["CVE-2020-5902"]
		if diff := cmp.Diff(&c.want, got.EPSS); diff != "" {
			t.Errorf("%s: %s", c.file, diff)
		}
	}
	s, _ := feedtest.Read(t, epss.Feed(), "epss/epss_kev_subset.csv", feedtest.Testdata(t, "epss_kev_subset.csv"))
	if e := s.CVEs["CVE-2025-62593"].EPSS; e == nil || e.Score != 0.01015 || e.Percentile != 0.60644 {
		t.Errorf("subset: got %+v", e)
	}
	for _, bad := range []string{"", "a,b\n1,2\n", "cve,epss\nCVE-1-1,2\nCVE-1-2,x\n", "cve,epss\n\"CVE-2020-1,0.1\n"} {
		_, err := form.Read(t.Context(), epss.Feed(), form.Source{File: "epss/e.csv", At: strings.NewReader(bad), Size: int64(len(bad)), Sink: &feedtest.Sink{}})
		if !errors.Is(err, form.ErrFormat) {
			t.Errorf("%q: got %v, want ErrFormat", bad, err)
		}
	}
}

func FuzzEPSS(f *testing.F) {
	feedtest.Fuzz(f, epss.Feed(), "epss/e.csv", "epss_kev_subset.csv", "epss_scores-2021-04-14.csv.gz", "epss_scores-2023-03-07.csv.gz")
}
