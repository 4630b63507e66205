package awstest

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Bounds of MaxResults in the EBS direct APIs' model.
const (
	minBlocks = 100
	maxBlocks = 10000
)

type block struct {
	BlockIndex int64
	BlockToken string
}

type changedBlock struct {
	BlockIndex       int64
	FirstBlockToken  string `json:",omitempty"`
	SecondBlockToken string `json:",omitempty"`
}

type blockList struct {
	Blocks        []block        `json:",omitempty"`
	ChangedBlocks []changedBlock `json:",omitempty"`
	ExpiryTime    float64        // seconds since 1970
	VolumeSize    int64          // GiB
	BlockSize     int64
	NextToken     string `json:",omitempty"`
}

// invalid is the EBS direct APIs' ValidationException with its reason.
func invalid(c *Call, reason, message string) *Reply {
	return c.Error(http.StatusBadRequest, "ValidationException", message, "Reason", reason)
}

// snapshot finds a snapshot that the caller may read.
func (a *AWS) snapshot(c *Call, id string) (*snap, *Reply) {
	b := a.ebs
	b.mu.Lock()
	s := b.snaps[id]
	var keyARN string
	var mayRead bool
	if s != nil {
		keyARN = b.denied[s.id] + b.denied[s.volume]
		mayRead = s.account == c.Account || slices.Contains(s.shared, c.Account)
	}
	b.mu.Unlock()
	switch {
	case s == nil || s.region != c.Region:
		return nil, c.Error(http.StatusNotFound, "ResourceNotFoundException", "The snapshot '"+id+"' does not exist.", "Reason", "SNAPSHOT_NOT_FOUND")
	case !mayRead:
		return nil, c.Error(http.StatusForbidden, "AccessDeniedException", "You do not have permission to access snapshot "+id+".", "Reason", "UNAUTHORIZED_ACCOUNT")
	case keyARN != "":
		return nil, c.Error(http.StatusForbidden, "AccessDeniedException", "User: "+c.Principal+" is not authorized to perform: kms:Decrypt on resource: "+keyARN, "Reason", "DEPENDENCY_ACCESS_DENIED")
	}
	return s, nil
}

// blocks of a snapshot that hold data.
func (s *snap) blocks() []int64 {
	if s.image == nil {
		return nil
	}
	return s.image.blocks
}

// listing reads the parameters that both lists share and cuts the page out of indexes, which are in order. The page token of a list is signed over its
// own name, so that none serves for another.
func (a *AWS) listing(c *Call, s *snap, name string, indexes []int64) (list blockList, page []int64, expires time.Time, rep *Reply) {
	expires = a.now().Add(a.ebs.life).Truncate(time.Second)
	limit := maxBlocks
	if v := c.Param("maxResults"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < minBlocks || n > maxBlocks {
			return list, nil, expires, invalid(c, "INVALID_PARAMETER_VALUE", "MaxResults must be between 100 and 10000.")
		}
		limit = n
	}
	from := int64(0)
	if v := c.Param("startingBlockIndex"); v != "" {
		n, err := strconv.ParseInt(v, 10, 32)
		if err != nil || n < 0 {
			return list, nil, expires, invalid(c, "INVALID_PARAMETER_VALUE", "StartingBlockIndex is not valid.")
		}
		from = n
	}
	if t := c.Param("pageToken"); t != "" {
		n, ok := a.ebs.read(t, name)
		if !ok {
			return list, nil, expires, invalid(c, "INVALID_PAGE_TOKEN", "The page token is not valid.")
		}
		from = n
	}
	at, _ := slices.BinarySearch(indexes, from)
	page = indexes[at:]
	list = blockList{ExpiryTime: float64(expires.Unix()), VolumeSize: s.sizeGiB, BlockSize: blockSize}
	if len(page) > limit {
		list.NextToken = a.ebs.token(name, page[limit], expires)
		page = page[:limit]
	}
	a.ebs.mu.Lock()
	a.ebs.stats.Lists++
	a.ebs.mu.Unlock()
	return list, page, expires, nil
}

func (a *AWS) listSnapshotBlocks(c *Call) *Reply {
	s, rep := a.snapshot(c, c.Param("snapshotId"))
	if rep != nil {
		return rep
	}
	list, page, expires, rep := a.listing(c, s, "list "+s.id, s.blocks())
	if rep != nil {
		return rep
	}
	for _, n := range page {
		list.Blocks = append(list.Blocks, block{n, a.ebs.token(s.id, n, expires)})
	}
	return c.JSON(list)
}

func (a *AWS) listChangedBlocks(c *Call) *Reply {
	second, rep := a.snapshot(c, c.Param("secondSnapshotId"))
	if rep != nil {
		return rep
	}
	if c.Param("firstSnapshotId") == "" {
		return invalid(c, "INVALID_SNAPSHOT_ID", "FirstSnapshotId must be specified with SecondSnapshotId.")
	}
	first, rep := a.snapshot(c, c.Param("firstSnapshotId"))
	if rep != nil {
		return rep
	}
	if first.volume != second.volume {
		return invalid(c, "UNRELATED_SNAPSHOTS", "The snapshots are not of the same volume.")
	}
	list, page, expires, rep := a.listing(c, second, "changed "+first.id+" "+second.id, changed(first, second))
	if rep != nil {
		return rep
	}
	for _, n := range page {
		ch := changedBlock{BlockIndex: n, SecondBlockToken: a.ebs.token(second.id, n, expires)}
		if first.image != nil {
			if _, had := first.image.sums[n]; had {
				ch.FirstBlockToken = a.ebs.token(first.id, n, expires)
			}
		}
		list.ChangedBlocks = append(list.ChangedBlocks, ch)
	}
	return c.JSON(list)
}

// changed are the blocks that differ. One that was overwritten with zeros is among them: EBS has it still.
func changed(first, second *snap) []int64 {
	if first.image == second.image {
		return nil
	}
	sum := func(s *snap, n int64) [32]byte {
		if s.image == nil {
			return [32]byte{}
		}
		return s.image.sums[n]
	}
	all := slices.Concat(first.blocks(), second.blocks())
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(n int64) bool { return sum(first, n) == sum(second, n) })
}

func (a *AWS) getSnapshotBlock(c *Call) *Reply {
	s, rep := a.snapshot(c, c.Param("snapshotId"))
	if rep != nil {
		return rep
	}
	n, err := strconv.ParseInt(c.Param("blockIndex"), 10, 32)
	if err != nil || n < 0 || n >= s.sizeGiB<<30/blockSize {
		return invalid(c, "INVALID_BLOCK", "The block index is not valid.")
	}
	if index, ok := a.ebs.read(c.Param("blockToken"), s.id); !ok || index != n {
		return invalid(c, "INVALID_BLOCK_TOKEN", "The block token is not valid or has expired.")
	}
	data := make([]byte, blockSize)
	sum, indexed := [32]byte{}, false
	if s.image != nil {
		sum, indexed = s.image.sums[n]
		if err := s.image.readBlock(n, data); err != nil {
			a.errorf("%s: %v", s.id, err)
			return c.Error(http.StatusInternalServerError, "InternalServerException", err.Error())
		}
	}
	if !indexed {
		sum = sha256.Sum256(data)
	}
	if a.ebs.count(blockKey{s.id, n}, len(data)) {
		data[len(data)/2] ^= 1
	}
	return &Reply{Status: http.StatusOK, Body: data, Header: http.Header{
		"Content-Type":             {"application/octet-stream"},
		"X-Amz-Data-Length":        {strconv.Itoa(len(data))},
		"X-Amz-Checksum":           {base64.StdEncoding.EncodeToString(sum[:])},
		"X-Amz-Checksum-Algorithm": {"SHA256"},
	}}
}
