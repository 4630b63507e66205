package awstest

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"time"

	"hinomi/internal/awstest/blocks"
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
func (a *AWS) snapshot(c *Call, id string) (blocks.Snapshot, *Reply) {
	s, ok := a.ebs.Find(id)
	switch {
	case !ok || s.Region != c.Region:
		return s, c.Error(http.StatusNotFound, "ResourceNotFoundException", "The snapshot '"+id+"' does not exist.", "Reason", "SNAPSHOT_NOT_FOUND")
	case s.Account != c.Account && !slices.Contains(s.Shared, c.Account):
		return s, c.Error(http.StatusForbidden, "AccessDeniedException", "You do not have permission to access snapshot "+id+".", "Reason", "UNAUTHORIZED_ACCOUNT")
	case s.DeniedKey != "":
		return s, c.Error(http.StatusForbidden, "AccessDeniedException", "User: "+c.Principal+" is not authorized to perform: kms:Decrypt on resource: "+s.DeniedKey, "Reason", "DEPENDENCY_ACCESS_DENIED")
	}
	return s, nil
}

// listing reads the parameters that both lists share and cuts the page out of indexes, which are in order. The page token of a list is signed over its
// own name, so that none serves for another.
func (a *AWS) listing(c *Call, s blocks.Snapshot, name string, indexes []int64) (list blockList, page []int64, expires time.Time, rep *Reply) {
	expires = a.ebs.Expiry()
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
		n, ok := a.ebs.Index(t, name)
		if !ok {
			return list, nil, expires, invalid(c, "INVALID_PAGE_TOKEN", "The page token is not valid.")
		}
		from = n
	}
	at, _ := slices.BinarySearch(indexes, from)
	page = indexes[at:]
	list = blockList{ExpiryTime: float64(expires.Unix()), VolumeSize: s.SizeGiB, BlockSize: blocks.Size}
	if len(page) > limit {
		list.NextToken = a.ebs.Token(name, page[limit], expires)
		page = page[:limit]
	}
	a.ebs.Listed()
	return list, page, expires, nil
}

func (a *AWS) listSnapshotBlocks(c *Call) *Reply {
	s, rep := a.snapshot(c, c.Param("snapshotId"))
	if rep != nil {
		return rep
	}
	list, page, expires, rep := a.listing(c, s, "list "+s.ID, s.Blocks())
	if rep != nil {
		return rep
	}
	for _, n := range page {
		list.Blocks = append(list.Blocks, block{n, a.ebs.Token(s.ID, n, expires)})
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
	if first.Volume != second.Volume {
		return invalid(c, "UNRELATED_SNAPSHOTS", "The snapshots are not of the same volume.")
	}
	list, page, expires, rep := a.listing(c, second, "changed "+first.ID+" "+second.ID, blocks.Changed(first, second))
	if rep != nil {
		return rep
	}
	for _, n := range page {
		ch := changedBlock{BlockIndex: n, SecondBlockToken: a.ebs.Token(second.ID, n, expires)}
		if first.Has(n) {
			ch.FirstBlockToken = a.ebs.Token(first.ID, n, expires)
		}
		list.ChangedBlocks = append(list.ChangedBlocks, ch)
	}
	return c.JSON(list)
}

func (a *AWS) getSnapshotBlock(c *Call) *Reply {
	s, rep := a.snapshot(c, c.Param("snapshotId"))
	if rep != nil {
		return rep
	}
	n, err := strconv.ParseInt(c.Param("blockIndex"), 10, 32)
	if err != nil || n < 0 || n >= s.SizeGiB<<30/blocks.Size {
		return invalid(c, "INVALID_BLOCK", "The block index is not valid.")
	}
	if index, ok := a.ebs.Index(c.Param("blockToken"), s.ID); !ok || index != n {
		return invalid(c, "INVALID_BLOCK_TOKEN", "The block token is not valid or has expired.")
	}
	data, sum, err := a.ebs.Read(s, n)
	if err != nil {
		a.errorf("%s: %v", s.ID, err)
		return c.Error(http.StatusInternalServerError, "InternalServerException", err.Error())
	}
	return &Reply{Status: http.StatusOK, Body: data, Header: http.Header{
		"Content-Type":             {"application/octet-stream"},
		"X-Amz-Data-Length":        {strconv.Itoa(len(data))},
		"X-Amz-Checksum":           {base64.StdEncoding.EncodeToString(sum[:])},
		"X-Amz-Checksum-Algorithm": {"SHA256"},
	}}
}
