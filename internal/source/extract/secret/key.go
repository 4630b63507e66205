package secret

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"hinomi/internal/inventory"
)

// maxKey bounds the DER of a key whose public half is worked out, in bytes: an RSA key of 16,384 bits has 9,300.
const maxKey = 16 << 10

// keys finds the blocks of RFC 7468 that hold a private key.
func (s *scan) keys(data []byte) {
	const begin = "-----BEGIN "
	for at := 0; ; {
		i := bytes.Index(data[at:], []byte(begin))
		if i < 0 {
			return
		}
		at += i
		line, _, _ := bytes.Cut(data[at:], []byte("\n"))
		label := string(bytes.TrimRight(bytes.TrimPrefix(line, []byte(begin)), "- \r"))
		next := at + len(begin)
		switch {
		case label == "PGP PRIVATE KEY BLOCK":
			s.add(inventory.Secret{Kind: inventory.PGPKey, Line: lineOf(data, at)})
		case strings.HasSuffix(label, "PRIVATE KEY") && len(label) < 40:
			s.key(data, at, label)
		}
		at = next
	}
}

func (s *scan) key(data []byte, at int, label string) {
	end := bytes.Index(data[at:], []byte("-----END "))
	if end < 0 {
		return // only spoken of
	}
	stop := bytes.IndexByte(data[at+end:], '\n')
	if stop < 0 {
		stop = len(data) - at - end
	}
	block, _ := pem.Decode(append(bytes.Clone(data[at:at+end+stop]), '\n'))
	if block == nil || len(block.Bytes) < 16 {
		return // a placeholder
	}
	secret := inventory.Secret{Kind: inventory.PrivateKey, Line: lineOf(data, at)}
	switch {
	case label == "OPENSSH PRIVATE KEY":
		secret.Fingerprint, secret.Encrypted = openSSH(block.Bytes)
	case label == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
		secret.Encrypted = true
	case len(block.Bytes) <= maxKey:
		secret.Fingerprint = derived(block)
	}
	s.add(secret)
}

// derived works out the public half of a key and its fingerprint; "" if the key is of a form that we do not know.
func derived(block *pem.Block) string {
	half, ok := publicHalf(block)
	if !ok {
		return ""
	}
	public, err := ssh.NewPublicKey(half)
	if err != nil {
		return "" // a curve that SSH does not have
	}
	return ssh.FingerprintSHA256(public)
}

func publicHalf(block *pem.Block) (crypto.PublicKey, bool) {
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "DSA PRIVATE KEY":
		dsa, err := ssh.ParseDSAPrivateKey(block.Bytes)
		if err != nil {
			return nil, false
		}
		return &dsa.PublicKey, true
	default:
		return nil, false
	}
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return nil, false
	}
	return signer.Public(), true
}

// openSSH reads the head of a key of OpenSSH (PROTOCOL.key): the cipher, and the public half, which no passphrase hides.
func openSSH(b []byte) (fingerprint string, encrypted bool) {
	rest, ok := bytes.CutPrefix(b, []byte("openssh-key-v1\x00"))
	if !ok {
		return "", false
	}
	cipher, rest, ok := field(rest)
	encrypted = string(cipher) != "none"
	for range 2 { // the key derivation's name and options
		if ok {
			_, rest, ok = field(rest)
		}
	}
	if !ok || len(rest) < 4 || binary.BigEndian.Uint32(rest) < 1 {
		return "", encrypted
	}
	public, _, ok := field(rest[4:])
	if !ok || len(public) == 0 {
		return "", encrypted
	}
	return fingerprint256(public), encrypted
}

// field cuts a string of RFC 4251, section 5.
func field(b []byte) (value, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-4) { //nolint:gosec // at least 4 bytes, by the line above
		return nil, nil, false
	}
	return b[4 : 4+n], b[4+n:], true
}

// fingerprint256 is the form of ssh-keygen(1) over a public key as SSH sends it.
func fingerprint256(public []byte) string {
	sum := sha256.Sum256(public)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// putty reads a key of PuTTY (PuTTY manual, appendix C): the public half stands in the open.
func (s *scan) putty(data []byte) {
	if !bytes.HasPrefix(data, []byte("PuTTY-User-Key-File-")) {
		return
	}
	secret := inventory.Secret{Kind: inventory.PrivateKey, Line: 1}
	var public strings.Builder
	left := 0
	for raw := range bytes.Lines(data) {
		line := strings.TrimSpace(string(raw))
		if left > 0 {
			left--
			public.WriteString(line)
			continue
		}
		switch key, value, _ := strings.Cut(line, ": "); key {
		case "Encryption":
			secret.Encrypted = value != "none"
		case "Public-Lines":
			if n, err := strconv.Atoi(value); err == nil && n > 0 && n < 1000 {
				left = n
			}
		}
	}
	if key, err := base64.StdEncoding.DecodeString(public.String()); err == nil && len(key) > 0 {
		secret.Fingerprint = fingerprint256(key)
	}
	s.add(secret)
}
