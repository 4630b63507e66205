package md

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"hinomi/internal/source/disk/mapper"
	"hinomi/internal/source/disk/volume"
)

// Array is an array of md, made of the members that were found.
type Array struct {
	UUID  string // as mdadm(8) writes it
	Level string // "raid1", "raid0", "linear", "raid5", …
	// Names are those of its device without /dev/: "md0", "md/data". The kernel
	// takes another number if the name is not its own host's, so several arrays
	// can be told apart by UUID alone.
	Names []string
	// Device is its content, or nil, and then Err says why.
	Device volume.Device
	Err    error
	// Notes are facts about the read, such as a member that was not used.
	Notes []string
	// Gaps are what may be stale, such as a mirror of which a member is missing
	// that was in sync when the others were written last.
	Gaps []string
	// Members are those that were found, used or not.
	Members []*Member
}

// Assemble makes arrays of all the members that a machine's disks hold, in the
// order in which their first member was given.
func Assemble(members []*Member) []*Array {
	byUUID := map[string][]*Member{}
	var order []string
	for _, m := range members {
		if byUUID[m.UUID] == nil {
			order = append(order, m.UUID)
		}
		byUUID[m.UUID] = append(byUUID[m.UUID], m)
	}
	arrays := make([]*Array, 0, len(order))
	for _, uuid := range order {
		arrays = append(arrays, assemble(byUUID[uuid]))
	}
	return arrays
}

// assemble makes one array. What its newest member says counts.
func assemble(members []*Member) *Array {
	slices.SortStableFunc(members, func(a, b *Member) int {
		return cmp.Or(cmp.Compare(b.Events, a.Events), cmp.Compare(a.role, b.role))
	})
	newest := members[0]
	a := &Array{UUID: colons(newest.UUID), Level: levelName(newest.level), Names: newest.names(), Members: members}
	switch {
	case newest.reshaping:
		a.Err = fmt.Errorf("a reshape is under way: %w", volume.ErrUnsupported)
	case newest.unknownFeatures != 0:
		a.Err = fmt.Errorf("unknown feature %#x: %w", newest.unknownFeatures, volume.ErrUnsupported)
	default:
		if read := levels()[newest.level]; read != nil {
			a.Device, a.Err = read(a, members)
		} else {
			a.Err = volume.ErrUnsupported
		}
	}
	if a.Err != nil {
		a.Device, a.Err = nil, fmt.Errorf("md array %s (%s): %w", a.UUID, a.Level, a.Err)
	}
	return a
}

// levels lists how each level is read; one that is not here is refused by its name.
func levels() map[int32]func(*Array, []*Member) (volume.Device, error) {
	return map[int32]func(*Array, []*Member) (volume.Device, error){1: mirrored, 0: striped, -1: linear}
}

func levelName(level int32) string {
	switch level {
	case -1:
		return "linear"
	case -4:
		return "multipath"
	case -5:
		return "faulty"
	}
	return "raid" + strconv.Itoa(int(level))
}

// names are the names of the array's device. Without a name it is its number.
func (m *Member) names() []string {
	if m.Minor >= 0 {
		return []string{"md" + strconv.Itoa(m.Minor)}
	}
	_, name, found := strings.Cut(m.Name, ":")
	if !found {
		name = m.Name
	}
	switch _, err := strconv.Atoi(name); {
	case name == "":
		return nil
	case err == nil:
		return []string{"md" + name, "md/" + name}
	}
	return []string{"md/" + name, "md_" + name}
}

// usable says why a member's data does not count, or "". The newest member knows
// who has failed; one event behind is as good, as superblocks are written one
// after the other (Linux, md.c, super_1_validate).
func (m *Member) usable(newest *Member) string {
	role := roleSpare
	if m.number < len(newest.roles) {
		role = newest.roles[m.number]
	}
	switch {
	case m.Events+1 < newest.Events:
		return fmt.Sprintf("is stale: %d events of %d", m.Events, newest.Events)
	case role == roleFaulty:
		return "has failed"
	case role == roleSpare, role == roleJournal, m.role >= m.disks:
		return "is a spare"
	case role != m.role:
		return fmt.Sprintf("has place %d, which the newest member gives to %d", m.role, role)
	case m.recovering:
		return "is being rebuilt"
	}
	return ""
}

// mirrored reads one member that is in sync.
func mirrored(a *Array, members []*Member) (volume.Device, error) {
	var dev volume.Device
	var used *Member
	for _, m := range members {
		if why := m.usable(members[0]); why != "" {
			a.Notes = append(a.Notes, fmt.Sprintf("md array %s: member %d %s", a.UUID, m.number, why))
			continue
		}
		if used == nil {
			size := m.size
			if size == 0 || size > m.length {
				return nil, fmt.Errorf("%d bytes on a member of %d: %w", size, m.length, volume.ErrCorrupt)
			}
			var err error
			if dev, err = mapper.Join(mapper.Piece{Dev: m.dev, Offset: m.offset, Size: size}); err != nil {
				return nil, err
			}
			used = m
		}
	}
	if used == nil {
		return nil, fmt.Errorf("none of the %d members found is in sync: %w", len(members), volume.ErrCorrupt)
	}
	a.noteMissing(members)
	if used.Events < members[0].Events {
		a.Notes = append(a.Notes, fmt.Sprintf("md array %s: member %d was read, one event behind", a.UUID, used.number))
	}
	return dev, nil
}

// noteMissing says which members the newest one takes for active and are not
// there: they may have gone on without it.
func (a *Array) noteMissing(members []*Member) {
	for number, role := range members[0].roles {
		here := slices.ContainsFunc(members, func(m *Member) bool { return m.number == number })
		if role < members[0].disks && !here {
			a.Gaps = append(a.Gaps, fmt.Sprintf("md array %s: member %d is not among the disks and may be newer than those that are", a.UUID, number))
		}
	}
}

// inOrder returns the members at their places; all must be there.
func inOrder(members []*Member) ([]*Member, error) {
	newest := members[0]
	places := make([]*Member, newest.disks)
	for _, m := range members {
		if m.usable(newest) != "" {
			continue
		}
		if places[m.role] != nil {
			return nil, fmt.Errorf("two members at place %d: %w", m.role, volume.ErrCorrupt)
		}
		places[m.role] = m
	}
	for i, m := range places {
		if m == nil {
			return nil, fmt.Errorf("member %d of %d is not among the disks: %w", i, newest.disks, volume.ErrUnsupported)
		}
	}
	if len(places) == 0 {
		return nil, fmt.Errorf("no members: %w", volume.ErrCorrupt)
	}
	return places, nil
}

// rounded is the part of a member's data that is whole chunks.
func (m *Member) rounded(chunk int64) int64 {
	if chunk <= 0 {
		return m.length
	}
	return m.length / chunk * chunk
}

// linear joins the members (Linux, md-linear.c).
func linear(_ *Array, members []*Member) (volume.Device, error) {
	places, err := inOrder(members)
	if err != nil {
		return nil, err
	}
	pieces := make([]mapper.Piece, 0, len(places))
	for _, m := range places {
		pieces = append(pieces, mapper.Piece{Dev: m.dev, Offset: m.offset, Size: m.rounded(members[0].chunk)})
	}
	return mapper.Join(pieces...)
}

// striped reads members of one size (Linux, raid0.c). With several sizes there
// are several zones, in one of two layouts.
func striped(_ *Array, members []*Member) (volume.Device, error) {
	places, err := inOrder(members)
	if err != nil {
		return nil, err
	}
	chunk := members[0].chunk
	columns := make([]mapper.Piece, 0, len(places))
	for _, m := range places {
		if m.rounded(chunk) != places[0].rounded(chunk) {
			return nil, fmt.Errorf("members of %d and %d bytes: %w", places[0].length, m.length, volume.ErrUnsupported)
		}
		columns = append(columns, mapper.Piece{Dev: m.dev, Offset: m.offset, Size: m.rounded(chunk)})
	}
	return mapper.Stripe(chunk, columns...)
}

// colons writes a UUID as mdadm(8) does.
func colons(id string) string {
	if len(id) != 32 {
		return id
	}
	return id[:8] + ":" + id[8:16] + ":" + id[16:24] + ":" + id[24:]
}
