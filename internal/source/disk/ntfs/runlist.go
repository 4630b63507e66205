package ntfs

import (
	"fmt"
	"sort"

	"hinomi/internal/source/disk/volume"
)

// maxRuns bounds the stretches of one attribute: 24 MiB of memory.
const maxRuns = 1 << 20

// hole is the place of a run that has none.
const hole = -1

// run is count clusters of an attribute, from vcn on, that lie at lcn.
type run struct{ vcn, lcn, count int64 }

// appendRuns decodes the mapping pairs of one part of an attribute and appends its runs. Each pair is a byte with the lengths of two numbers,
// the count of clusters, and how far they lie from the run before; without the second it is a hole.
func appendRuns(runs []run, a *attribute, clusters int64) ([]run, error) {
	vcn, lcn := a.firstVCN, int64(0)
	if n := len(runs); n > 0 && runs[n-1].vcn+runs[n-1].count != vcn || n == 0 && vcn != 0 {
		return nil, fmt.Errorf("a part of the runs is missing before cluster %d: %w", vcn, volume.ErrCorrupt)
	}
	pairs := a.pairs
	for len(pairs) > 0 && pairs[0] != 0 {
		lengths, offsets := int(pairs[0]&15), int(pairs[0]>>4)
		if lengths == 0 || lengths > 8 || offsets > 8 || 1+lengths+offsets > len(pairs) {
			return nil, fmt.Errorf("mapping pair %#x: %w", pairs[0], volume.ErrCorrupt)
		}
		count := signed(pairs[1 : 1+lengths])
		if count <= 0 || vcn+count < vcn || count > 1<<60 {
			return nil, fmt.Errorf("run of %d clusters: %w", count, volume.ErrCorrupt)
		}
		next := run{vcn: vcn, lcn: hole, count: count}
		if offsets > 0 {
			lcn += signed(pairs[1+lengths : 1+lengths+offsets])
			if lcn < 0 || lcn >= clusters || count > clusters-lcn {
				return nil, fmt.Errorf("run of %d clusters at %d of %d: %w", count, lcn, clusters, volume.ErrCorrupt)
			}
			next.lcn = lcn
		}
		if len(runs) >= maxRuns {
			return nil, fmt.Errorf("more than %d runs: %w", maxRuns, volume.ErrLimit)
		}
		runs = append(runs, next)
		vcn += count
		pairs = pairs[1+lengths+offsets:]
	}
	if vcn != a.lastVCN+1 {
		return nil, fmt.Errorf("runs end at cluster %d, want %d: %w", vcn-1, a.lastVCN, volume.ErrCorrupt)
	}
	return runs, nil
}

// signed reads a little-endian number in two's complement.
func signed(raw []byte) int64 {
	n := int64(int8(raw[len(raw)-1]))
	for i := len(raw) - 2; i >= 0; i-- {
		n = n<<8 | int64(raw[i])
	}
	return n
}

// runAt finds the run that holds cluster vcn.
func runAt(runs []run, vcn int64) (run, bool) {
	i := sort.Search(len(runs), func(i int) bool { return runs[i].vcn+runs[i].count > vcn })
	if i == len(runs) || runs[i].vcn > vcn {
		return run{}, false
	}
	return runs[i], true
}
