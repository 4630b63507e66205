package connector

import (
	"fmt"
	"slices"
	"strings"
)

// Validate checks a base account and returns one error that names every fault, wrapping ErrInvalid.
func (b *BaseAccount) Validate() error {
	var bad []string
	if strings.TrimSpace(b.Name) == "" {
		bad = append(bad, "name is empty")
	}
	if !slices.Contains(AccountTypes(), b.Type) {
		bad = append(bad, fmt.Sprintf("account type %q is none of commercial, govcloud, china", b.Type))
	}
	if !accountPattern.MatchString(b.Account) {
		bad = append(bad, fmt.Sprintf("account %q is not 12 digits", b.Account))
	}
	if !keyPattern.MatchString(b.AccessKeyID) {
		bad = append(bad, "access key id is not of AWS's form")
	}
	if len(bad) > 0 {
		return fmt.Errorf("base account: %w: %s", ErrInvalid, strings.Join(bad, "; "))
	}
	return nil
}

// TypeOfRegion returns the account type that a region belongs to, by its name.
func TypeOfRegion(region string) AccountType {
	switch {
	case strings.HasPrefix(region, "us-gov-"):
		return GovCloud
	case strings.HasPrefix(region, "cn-"):
		return China
	default:
		return Commercial
	}
}
