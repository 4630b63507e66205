package part

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/klauspost/compress/zstd"

	"hinomi/internal/inventory"
)

// maxHeader bounds what a stored header may unpack to; an inventory of 40,000 packages that an earlier version kept whole is about 16 MB.
const maxHeader = 512 << 20

// Pack encodes the header of an inventory: all but its packages, which are in the parts, and but times, source, notes and secrets, which are
// not of its content.
func Pack(inv *inventory.Inventory) ([]byte, error) {
	c := *inv
	c.ReadAt, c.Source, c.Notes, c.Secrets, c.Packages = time.Time{}, "", nil, nil, nil
	body, err := json.Marshal(&c)
	if err != nil {
		return nil, fmt.Errorf("encode the inventory: %w", err)
	}
	if len(body) > maxHeader {
		return nil, fmt.Errorf("what is said of the inventory has %d bytes, at most %d are kept", len(body), maxHeader)
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("pack the inventory: %w", err)
	}
	return enc.EncodeAll(body, nil), nil
}

// Unpack decodes what Pack, or an earlier version with the packages in it, encoded.
func Unpack(packed []byte) (*inventory.Inventory, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxHeader))
	if err != nil {
		return nil, fmt.Errorf("unpack an inventory: %w", err)
	}
	defer dec.Close()
	body, err := dec.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("unpack an inventory: %w", err)
	}
	inv := new(inventory.Inventory)
	if err := json.Unmarshal(body, inv); err != nil {
		return nil, fmt.Errorf("decode an inventory: %w", err)
	}
	return inv, nil
}
