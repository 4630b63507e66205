// Package secret finds private keys and tokens that lie about in files, by the files' names and places. Of a secret only the place and a fingerprint
// leave this package: no error, no note and no log holds a byte of one.
package secret

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strings"

	"hinomi/internal/inventory"
	"hinomi/internal/source/extract/host"
	"hinomi/internal/source/extract/kind"
)

const (
	maxFile    = 1 << 20 // bytes: a bundle of all public certificate authorities is near 230 KB
	maxSecrets = 1000    // of one file
)

// Extractors returns the extractor of secrets. found is called from several goroutines; foreign says of a folder that it belongs to a package, whose
// keys are examples and tests. salt makes the fingerprints of tokens those of this installation; without it they have none.
func Extractors(salt []byte, foreign func(dir string) bool, found func(inventory.Secret)) []kind.File {
	read := func(_ context.Context, f *host.File, out kind.Sink) error {
		data, err := f.Bytes(maxFile)
		if err != nil {
			return err
		}
		s := &scan{salt: salt, path: host.Path(f.Name), mode: uint32(f.Mode.Perm()), found: found}
		s.read(data)
		if s.lost > 0 {
			out.Gap(f.Name, "more secrets than are listed of one file")
		}
		return nil
	}
	return []kind.File{
		{
			ID: "secret",
			Bases: []string{
				"id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "identity", "ssh_host_rsa_key", "ssh_host_dsa_key", "ssh_host_ecdsa_key", "ssh_host_ed25519_key",
				"credentials", ".bashrc", ".bash_profile", ".bash_history", ".profile", ".zshrc", ".zsh_history", ".boto", ".s3cfg", ".netrc", ".npmrc", ".pypirc",
				".git-credentials", ".env.local", ".env.production", ".env.prod", ".env.staging", ".env.development", ".env.dev", ".env.test",
			},
			Exts: []string{".pem", ".key", ".ppk", ".p8", ".env"},
			Wants: func(e kind.Entry) bool {
				dir := e.Folder()
				return (e.Name() != "credentials" || path.Base(dir) == ".aws") && person(dir) && !foreign(dir)
			},
			Read: read,
		},
		{
			ID: "secret-folder", // whatever its name, what lies in .ssh and .aws
			Wants: func(e kind.Entry) bool {
				switch path.Base(e.Folder()) {
				case ".ssh", ".aws":
					return person(e.Folder()) && !foreign(e.Folder())
				}
				return false
			},
			Read: read,
		},
	}
}

// person says whether people and their services keep things in a folder; the distribution's files and caches are elsewhere. On a volume of data
// any folder may be one.
func person(dir string) bool {
	top, rest, _ := strings.Cut(dir, "/")
	switch top {
	case "usr", "proc", "sys", "dev", "run", "boot", "lib", "lib64", "bin", "sbin", "tmp", "snap":
		return false
	case "var":
		second, _, _ := strings.Cut(rest, "/")
		return second == "www" || second == "lib" && !strings.HasPrefix(rest, "lib/docker") && !strings.HasPrefix(rest, "lib/containerd")
	case "etc":
		return dir != "etc/ssl/certs" && !strings.HasPrefix(dir, "etc/pki/ca-trust")
	}
	return true
}

// scan is one file.
type scan struct {
	salt        []byte
	path        string
	mode        uint32
	found       func(inventory.Secret)
	count, lost int
}

func (s *scan) add(secret inventory.Secret) {
	if s.count++; s.count > maxSecrets {
		s.lost++
		return
	}
	secret.Path, secret.Mode = s.path, s.mode
	s.found(secret)
}

func (s *scan) read(data []byte) {
	if bytes.IndexByte(data[:min(len(data), 512)], 0) >= 0 {
		return // no text
	}
	s.keys(data)
	s.putty(data)
	var pair awsPair
	n := 0
	for line := range bytes.Lines(data) {
		if n++; len(line) > 4096 {
			line = line[:4096] // a token longer than that is none of ours
		}
		s.aws(&pair, line, n)
		s.tokens(line, n)
	}
}

// keyed is a hash that tells nothing to whom the salt is not known; "" without one.
func (s *scan) keyed(secret []byte) string {
	if len(s.salt) == 0 {
		return ""
	}
	h := hmac.New(sha256.New, s.salt)
	h.Write(secret)
	return "hmac-sha256:" + hex.EncodeToString(h.Sum(nil)[:16])
}

func lineOf(data []byte, at int) int { return 1 + bytes.Count(data[:at], []byte("\n")) }
