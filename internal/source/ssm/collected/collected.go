// Package collected carries an inventory that the collector took on a host through Systems Manager's custom inventory: packed, cut into
// the entries of one inventory item, and put together again on our side. What does not fit goes to a bucket, and the entries say where.
package collected

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"hinomi/internal/coverage"
	"hinomi/internal/inventory"
)

// TypeName and SchemaVersion are those of the inventory item.
const (
	TypeName      = "Custom:HinomiInventory"
	SchemaVersion = "1.0"
)

// The bounds of what Systems Manager takes. A value has at most 4,096 characters and an item 10,000 entries of 50 attributes (SSM API
// reference, InventoryItem). AWS names 200 KB for a custom type in its quotas (AWS General Reference, "AWS Systems Manager endpoints and
// quotas"), and the agent's own check is larger: we keep under the smaller one with the JSON around the values.
const (
	maxValue = 4096
	maxItem  = 190 << 10
)

// The bounds of what is put together: no honest host comes near.
const (
	maxEntries = 1000
	maxPacked  = 32 << 20
	maxPlain   = 256 << 20
)

// form is the version of this form. Another one is an error, never an empty inventory.
const form = "1"

// Item is an inventory as it goes out: the entries for PutInventory, and the object for the bucket where it is too large for them.
type Item struct {
	CaptureTime string // RFC 3339 in UTC, whole seconds, as PutInventory asks
	Entries     []map[string]string
	Object      []byte // nil if the entries hold it all
	Key         string // of the object, in the bucket
}

// ErrNoBucket is returned where an inventory does not fit into an item and no key for an object was given.
var ErrNoBucket = errors.New("the inventory is too large for an inventory item, and there is no bucket to put it")

// ErrDamaged marks entries or an object that are not what was sent.
var ErrDamaged = errors.New("collected inventory is damaged")

// Encode packs an inventory. prefix is the folder of this host's objects in the bucket, "" if there is none.
func Encode(inv *inventory.Inventory, prefix string) (Item, error) {
	if inv.ReadAt.IsZero() {
		return Item{}, errors.New("encode the inventory: it does not say when it was taken")
	}
	plain, err := json.Marshal(inv)
	if err != nil {
		return Item{}, fmt.Errorf("encode the inventory: %w", err)
	}
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	if err != nil {
		return Item{}, fmt.Errorf("encode the inventory: %w", err)
	}
	packed := w.EncodeAll(plain, nil)
	if len(packed) > maxPacked || len(plain) > maxPlain {
		return Item{}, fmt.Errorf("encode the inventory: %d bytes, %d packed, are more than %d, %d", len(plain), len(packed), maxPlain, maxPacked)
	}
	sum := sha256.Sum256(packed)
	head := map[string]string{"Form": form, "SHA256": hex.EncodeToString(sum[:]), "Size": strconv.Itoa(len(packed)), "Packages": strconv.Itoa(len(inv.Packages))}
	item := Item{CaptureTime: inv.ReadAt.UTC().Format(time.RFC3339), Entries: []map[string]string{head}}
	text := base64.StdEncoding.EncodeToString(packed)
	if len(text)+len(text)/maxValue*40 > maxItem {
		if prefix == "" {
			return Item{}, ErrNoBucket
		}
		item.Object, item.Key = packed, strings.TrimSuffix(prefix, "/")+"/inventory-"+head["SHA256"][:16]+".json.zst"
		head["Key"] = item.Key
		return item, nil
	}
	for i := 0; len(text) > 0; i++ {
		n := min(maxValue, len(text))
		item.Entries = append(item.Entries, map[string]string{"Part": strconv.Itoa(i), "Data": text[:n]})
		text = text[n:]
	}
	return item, nil
}

// maxDetail bounds what a refusal says in words, in bytes.
const maxDetail = 1000

// Refuse is the item of a collector that cannot deliver: which limit it ran into, one of coverage's names of gaps, and more in words.
func Refuse(at time.Time, limit, detail string) Item {
	if len(detail) > maxDetail {
		detail = strings.ToValidUTF8(detail[:maxDetail], "")
	}
	return Item{CaptureTime: at.UTC().Format(time.RFC3339), Entries: []map[string]string{{"Form": form, "Limit": limit, "Detail": detail}}}
}

// Head is what the first entry says.
type Head struct {
	Limit, Detail string // set if there is no inventory: see Refuse

	SHA256 string
	Size   int
	Key    string // of the object; "" if the entries hold it all
}

// ReadHead finds the head among the entries.
func ReadHead(entries []map[string]string) (Head, error) {
	if len(entries) > maxEntries {
		return Head{}, fmt.Errorf("%w: %d entries", ErrDamaged, len(entries))
	}
	i := slices.IndexFunc(entries, func(e map[string]string) bool { return e["Form"] != "" })
	if i < 0 {
		return Head{}, fmt.Errorf("%w: no head among %d entries", ErrDamaged, len(entries))
	}
	e := entries[i]
	if e["Form"] != form {
		return Head{}, fmt.Errorf("%w: its form is %q, this version reads %q", ErrDamaged, e["Form"], form)
	}
	if limit := e["Limit"]; limit != "" {
		if coverage.ReasonOfGap(limit) == "" || len(entries) > 1 || e["Detail"] == "" || len(e["Detail"]) > maxDetail {
			return Head{}, fmt.Errorf("%w: limit %.50q in %d entries", ErrDamaged, limit, len(entries))
		}
		return Head{Limit: limit, Detail: e["Detail"]}, nil
	}
	size, err := strconv.Atoi(e["Size"])
	if err != nil || size <= 0 || size > maxPacked || len(e["SHA256"]) != 2*sha256.Size {
		return Head{}, fmt.Errorf("%w: size %q, checksum %q", ErrDamaged, e["Size"], e["SHA256"])
	}
	return Head{SHA256: e["SHA256"], Size: size, Key: e["Key"]}, nil
}

// Of reports whether the head's object is one that this instance may have put there: the bucket's policy lets an instance write below its
// own session's name alone, which ends with its ID.
func (h Head) Of(prefix, instance string) bool {
	rest, ok := strings.CutPrefix(h.Key, prefix+"/")
	session, file, cut := strings.Cut(rest, "/")
	return ok && cut && strings.HasSuffix(session, ":"+instance) && !strings.Contains(file, "/") && file != "" && !strings.Contains(h.Key, "..")
}

// Decode puts an inventory together from entries in any order. Where the head names an object, Unpack is for that.
func Decode(entries []map[string]string) (*inventory.Inventory, error) {
	h, err := ReadHead(entries)
	if err != nil {
		return nil, err
	}
	if h.Key != "" || h.Limit != "" {
		return nil, fmt.Errorf("%w: it is not in the entries (object %q, limit %q)", ErrDamaged, h.Key, h.Limit)
	}
	parts := make([]string, len(entries)-1)
	seen := 0
	for _, e := range entries {
		if e["Form"] != "" {
			continue
		}
		n, err := strconv.Atoi(e["Part"])
		if err != nil || n < 0 || n >= len(parts) || parts[n] != "" || e["Data"] == "" || len(e["Data"]) > maxValue {
			return nil, fmt.Errorf("%w: part %q of %d", ErrDamaged, e["Part"], len(parts))
		}
		parts[n] = e["Data"]
		seen++
	}
	if seen != len(parts) {
		return nil, fmt.Errorf("%w: %d of %d parts", ErrDamaged, seen, len(parts))
	}
	packed, err := base64.StdEncoding.DecodeString(strings.Join(parts, ""))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return Unpack(h, packed)
}

// Unpack reads an inventory from its packed bytes, which must be those that the head names.
func Unpack(h Head, packed []byte) (*inventory.Inventory, error) {
	sum := sha256.Sum256(packed)
	if len(packed) != h.Size || hex.EncodeToString(sum[:]) != h.SHA256 {
		return nil, fmt.Errorf("%w: %d bytes that are not the %d of its checksum", ErrDamaged, len(packed), h.Size)
	}
	r, err := zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPlain), zstd.WithDecoderMaxWindow(8<<20))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	defer r.Close()
	dec := json.NewDecoder(io.LimitReader(r, maxPlain))
	var inv inventory.Inventory
	if err := dec.Decode(&inv); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	switch {
	case inv.ReadAt.IsZero() || len(inv.Covered) == 0:
		return nil, fmt.Errorf("%w: it does not say when it was taken, or what it covers", ErrDamaged)
	case inv.Method != inventory.Agent:
		return nil, fmt.Errorf("%w: its method is %q", ErrDamaged, inv.Method)
	}
	return &inv, nil
}
