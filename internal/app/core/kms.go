package core

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"hinomi/internal/awsclient"
	"hinomi/internal/connector"
)

// keyService is AWS KMS with the process's own credentials, in the region of the configured key.
func (c *Core) keyService() (kmsKeys, error) {
	who := awsclient.Who{Type: connector.Commercial}
	region := who.Type.HomeRegion()
	if parts := strings.SplitN(c.KMSKeyID, ":", 6); len(parts) == 6 { // arn:aws:kms:region:account:key/…
		region, who.Account = parts[3], parts[4]
		for _, t := range connector.AccountTypes() {
			if t.Partition() == parts[1] {
				who.Type = t
			}
		}
	}
	s, err := c.Clients.Session(who)
	if err != nil {
		return kmsKeys{}, fmt.Errorf("reach AWS KMS: %w", err)
	}
	return kmsKeys{s.KMS(region)}, nil
}

// kmsKeys makes a KMS client a secret.KeyService.
type kmsKeys struct{ client *kms.Client }

// GenerateDataKey implements secret.KeyService.
func (k kmsKeys) GenerateDataKey(ctx context.Context, keyID string, with map[string]string) (plain, wrapped []byte, err error) {
	out, err := k.client.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &keyID, KeySpec: types.DataKeySpecAes256, EncryptionContext: with})
	if err != nil {
		return nil, nil, err
	}
	return out.Plaintext, out.CiphertextBlob, nil
}

// Decrypt implements secret.KeyService.
func (k kmsKeys) Decrypt(ctx context.Context, keyID string, wrapped []byte, with map[string]string) ([]byte, error) {
	out, err := k.client.Decrypt(ctx, &kms.DecryptInput{KeyId: &keyID, CiphertextBlob: wrapped, EncryptionContext: with})
	if err != nil {
		return nil, err
	}
	return out.Plaintext, nil
}
