package app_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"hinomi/internal/app"
	"hinomi/internal/auth"
	"hinomi/internal/awsclient"
	"hinomi/internal/awstest"
	"hinomi/internal/connector"
	"hinomi/internal/secret"
)

// TestKMSSealsSecrets keeps a base account's secret under a key that AWS KMS wraps, and opens it again with another process's app.
func TestKMSSealsSecrets(t *testing.T) {
	ctx := context.Background()
	cloud := awstest.New(t, moto, awstest.Options{})
	account := cloud.Account(1)
	key := cloud.AddKey(account, "hinomi")
	made, err := kms.NewFromConfig(cloud.Config("eu-west-1", key)).CreateKey(ctx, &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := func(c *app.Config) {
		c.DataDir, c.Database = dir, "sqlite:"+filepath.Join(dir, "hinomi.db")
		c.KMSKeyID, c.Endpoint = aws.ToString(made.KeyMetadata.Arn), cloud.URL()
		c.Ambient = &awsclient.Key{ID: key.ID, Secret: key.Secret, Token: key.Token}
	}
	first := open(t, config)
	b := connector.BaseAccount{Name: "base", Type: connector.Commercial, Account: account, AccessKeyID: "AKIAIOSFODNN7EXAMPLE"}
	const text = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	if _, err := first.SetBaseAccount(ctx, auth.System(), b, secret.NewText(text)); err != nil {
		t.Fatal(err)
	}
	second := open(t, config)
	got, err := second.Store().BaseAccountSecret(ctx, connector.Commercial)
	if err != nil {
		t.Fatal(err)
	}
	if got.Reveal() != text {
		t.Error("the secret came back changed")
	}
	if _, err := os.Stat(filepath.Join(dir, "key")); err == nil {
		t.Error("a key file was made beside the KMS key")
	}
	files, err := filepath.Glob(filepath.Join(dir, "hinomi.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no database file: %v", err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), text) {
			t.Errorf("%s holds the secret in the clear", filepath.Base(f))
		}
	}
}
