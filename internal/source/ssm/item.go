package ssm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"hinomi/internal/source/ssm/collected"
)

// The types of inventory that are read (Systems Manager User Guide, "Metadata collected by inventory").
const (
	Application     = "AWS:Application"
	WindowsUpdate   = "AWS:WindowsUpdate"
	Network         = "AWS:Network"
	Detailed        = "AWS:InstanceDetailedInformation"
	InstanceInfo    = "AWS:InstanceInformation"
	CollectedByUs   = collected.TypeName
	maxItemEntries  = 10_000 // SSM API reference, InventoryItem: Content
	changedMeantime = 3      // how often a list is read again that changes while it is read
)

// Types lists them, in the order in which they are read.
func Types() []string {
	return []string{InstanceInfo, Application, WindowsUpdate, Network, Detailed, CollectedByUs}
}

// Item is one type of an instance's inventory.
type Item struct {
	Captured time.Time
	Entries  []map[string]string
	Known    bool // captured when the caller knows it to be: the entries were not read again
}

// Items are an instance's inventory by type. A type that was never captured is not among them.
type Items map[string]Item

// Captured returns the time of each item, for the next Read.
func (items Items) Captured() map[string]time.Time {
	out := make(map[string]time.Time, len(items))
	for k, v := range items {
		out[k] = v.Captured
	}
	return out
}

// Read reads the inventory of an instance. Of a type that was captured when known says, only the first page is read: one call. An error
// leaves all of it unknown.
func (r *Reader) Read(ctx context.Context, instance string, known map[string]time.Time) (Items, error) {
	out := Items{}
	for _, t := range Types() {
		item, err := r.item(ctx, instance, t, known[t])
		if err != nil {
			return nil, r.fault(fmt.Sprintf("read inventory %s of %s", t, instance), err)
		}
		if !item.Captured.IsZero() {
			out[t] = item
		}
	}
	together := []string{Application, WindowsUpdate, Detailed} // one inventory is made of them: all of them or none
	if !slices.ContainsFunc(together, func(t string) bool { item, there := out[t]; return there && !item.Known }) {
		return out, nil
	}
	for _, t := range together {
		if !out[t].Known {
			continue
		}
		item, err := r.item(ctx, instance, t, time.Time{})
		if err != nil {
			return nil, r.fault(fmt.Sprintf("read inventory %s of %s", t, instance), err)
		}
		out[t] = item
	}
	return out, nil
}

// Whole reads of an instance's items those that were known when they were read, so that what is new is judged together with what is not.
func (r *Reader) Whole(ctx context.Context, instance string, items Items) error {
	for _, t := range Types() {
		if !items[t].Known {
			continue
		}
		item, err := r.item(ctx, instance, t, time.Time{})
		if err != nil {
			return r.fault(fmt.Sprintf("read inventory %s of %s", t, instance), err)
		}
		if items[t] = item; item.Captured.IsZero() {
			delete(items, t)
		}
	}
	return nil
}

// Calls returns how many requests a reading of the items takes by API: of every type at least one, one for every 50 entries.
func (items Items) Calls() int {
	n := 0
	for _, t := range Types() {
		n += max(1, (len(items[t].Entries)+maxPage-1)/maxPage)
	}
	return n
}

var errChanged = errors.New("it changes while it is read")

func (r *Reader) item(ctx context.Context, instance, kind string, known time.Time) (item Item, err error) {
	for range changedMeantime {
		item, err = r.itemOnce(ctx, instance, kind, known)
		if !errors.Is(err, errChanged) {
			return item, err
		}
	}
	return item, err
}

func (r *Reader) itemOnce(ctx context.Context, instance, kind string, known time.Time) (Item, error) {
	in := &ssm.ListInventoryEntriesInput{InstanceId: &instance, TypeName: &kind, MaxResults: aws.Int32(maxPage)}
	var item Item
	for first := true; ; first = false {
		page, err := r.api.ListInventoryEntries(ctx, in)
		if err != nil {
			return Item{}, err
		}
		text := aws.ToString(page.CaptureTime)
		if text == "" {
			if first && len(page.Entries) == 0 && aws.ToString(page.NextToken) == "" {
				return Item{}, nil // never captured
			}
			return Item{}, errors.New("it does not say when it was captured")
		}
		at, err := time.Parse(time.RFC3339, text)
		switch {
		case err != nil:
			return Item{}, fmt.Errorf("its capture time: %w", err)
		case first && !known.IsZero() && at.Equal(known):
			return Item{Captured: at, Known: true}, nil
		case !first && !at.Equal(item.Captured):
			return Item{}, errChanged
		}
		item.Captured = at
		if item.Entries = append(item.Entries, page.Entries...); len(item.Entries) > maxItemEntries {
			return Item{}, fmt.Errorf("it has more than %d entries", maxItemEntries)
		}
		if aws.ToString(page.NextToken) == "" {
			return item, nil
		}
		if len(page.Entries) == 0 && aws.ToString(page.NextToken) == aws.ToString(in.NextToken) {
			return Item{}, errEndless
		}
		in.NextToken = page.NextToken
	}
}
