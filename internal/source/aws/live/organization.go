package live

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"hinomi/internal/awsclient"
)

// Member is one account of an AWS organisation.
type Member struct {
	Account  string
	Name     string // from outside: escape it before showing it
	Active   bool   // false: suspended, closed or on the way there; it is not read
	State    string // AWS's word: ACTIVE, SUSPENDED, PENDING_CLOSURE, CLOSED, PENDING_ACTIVATION
	Excluded bool   // by the connector
	Own      bool   // the connector's own account, which is read as the connector says and not by the members' role
}

// maxAccounts is the largest page of ListAccounts (AWS Organizations API Reference).
const maxAccounts = 20

// Organization lists the accounts of the organisation that the session's account manages or is a delegated administrator of,
// sorted by id. Those of exclude are marked. A delegated administrator needs a policy of the organisation or a registered service
// that lets it call ListAccounts (AWS Organizations User Guide, "Delegated administrator").
func Organization(ctx context.Context, s *awsclient.Session, exclude []string) ([]Member, error) {
	c := s.Organizations()
	accounts, err := all(ctx, func(ctx context.Context, token *string) ([]orgtypes.Account, *string, error) {
		out, err := c.ListAccounts(ctx, &organizations.ListAccountsInput{MaxResults: aws.Int32(maxAccounts), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.Accounts, out.NextToken, nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the accounts of the organisation of %s: %w", s.Account(), err)
	}
	members := make([]Member, 0, len(accounts))
	for _, a := range accounts {
		m := Member{Account: aws.ToString(a.Id), Name: aws.ToString(a.Name), State: string(a.State)}
		if m.State == "" {
			m.State = string(a.Status) // State is newer than some partitions
		}
		m.Active = m.State == string(orgtypes.AccountStateActive)
		m.Excluded = slices.Contains(exclude, m.Account)
		m.Own = m.Account == s.Account()
		members = append(members, m)
	}
	slices.SortFunc(members, func(a, b Member) int { return cmp.Compare(a.Account, b.Account) })
	return members, nil
}
