package feed

import (
	"context"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// maxIndex bounds a mirror list and a repomd.xml, which have a few kilobytes.
const maxIndex = 4 << 20

// small gets a small text.
func (d *downloader) small(ctx context.Context, address string) ([]byte, error) {
	resp, err := d.get(ctx, address, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // only read
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %w: %s", address, errHTTP, resp.Status)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxIndex+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	if len(b) > maxIndex {
		return nil, fmt.Errorf("%s: %w: more than %d bytes", address, ErrLimit, maxIndex)
	}
	return b, nil
}

// updateinfoOf finds the errata of an rpm repository: its repodata/repomd.xml names the file and its SHA-256 (createrepo_c; that is how
// dnf finds it, too).
func (d *downloader) updateinfoOf(ctx context.Context, r Remote) (address, sum string, err error) {
	base, err := url.Parse(r.URL)
	if r.MirrorList {
		base, err = d.mirrorOf(ctx, r.URL)
	}
	if err != nil {
		return "", "", err
	}
	repomd := base.JoinPath("repodata", "repomd.xml").String()
	b, err := d.small(ctx, repomd)
	if err != nil {
		return "", "", err
	}
	href, sum, err := parseRepomd(b)
	if err == nil && path.Ext(href) != path.Ext(r.File) {
		err = fmt.Errorf("%w: updateinfo at %q, expected one that ends in %s", ErrFormat, href, path.Ext(r.File))
	}
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", repomd, err)
	}
	return base.JoinPath(href).String(), sum, nil
}

// mirrorOf returns the first repository of a mirror list.
func (d *downloader) mirrorOf(ctx context.Context, mirrorList string) (*url.URL, error) {
	b, err := d.small(ctx, mirrorList)
	if err != nil {
		return nil, err
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	base, err := url.Parse(strings.TrimSpace(first))
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, fmt.Errorf("%s: %w: mirror %q", mirrorList, ErrFormat, first)
	}
	if list, err := url.Parse(mirrorList); err == nil && list.Scheme == "https" {
		base.Scheme = "https" // a list that was fetched safely does not lead out of safety
	}
	return base, nil
}

// errNoErrata says that a repository publishes no errata.
var errNoErrata = errors.New("the repository has no updateinfo")

// parseRepomd finds the updateinfo in a repomd.xml.
func parseRepomd(b []byte) (href, sum string, err error) {
	var d struct {
		Data []struct {
			Type     string `xml:"type,attr"`
			Location struct {
				Href string `xml:"href,attr"`
			} `xml:"location"`
			Checksum struct {
				Type  string `xml:"type,attr"`
				Value string `xml:",chardata"`
			} `xml:"checksum"`
		} `xml:"data"`
	}
	if err := xml.Unmarshal(b, &d); err != nil {
		return "", "", fmt.Errorf("%w: %w", ErrFormat, err)
	}
	for _, e := range d.Data {
		if e.Type != "updateinfo" {
			continue
		}
		sum = strings.TrimSpace(e.Checksum.Value)
		raw, err := hex.DecodeString(sum)
		if e.Checksum.Type != "sha256" || err != nil || len(raw) != 32 || e.Location.Href == "" || path.IsAbs(e.Location.Href) || strings.Contains(e.Location.Href, "..") {
			return "", "", fmt.Errorf("%w: updateinfo at %q with checksum %s %q", ErrFormat, e.Location.Href, e.Checksum.Type, sum)
		}
		return e.Location.Href, sum, nil
	}
	return "", "", fmt.Errorf("%w: %w", ErrFormat, errNoErrata)
}

// amazonLinux returns the repositories of Amazon Linux whose errata are fetched. One architecture's file lists the packages of all. Each
// extras topic of Amazon Linux 2 has a repository of its own.
func amazonLinux() []Remote {
	const cdn = "https://cdn.amazonlinux.com/"
	at := func(release, repo, list string) Remote {
		return Remote{File: "updateinfo/Amazon Linux/" + release + "/" + repo + "/updateinfo.xml.gz", URL: cdn + list, Complete: true, MirrorList: true}
	}
	return []Remote{
		at("2023", "core", "al2023/core/mirrors/latest/x86_64/mirror.list"),
		at("2023", "kernel-livepatch", "al2023/kernel-livepatch/mirrors/latest/x86_64/mirror.list"),
		at("2023", "nvidia", "al2023/nvidia/mirrors/latest/x86_64/mirror.list"),
		at("2", "core", "2/core/latest/x86_64/mirror.list"),
		{File: "updateinfo/Amazon Linux/2/*/updateinfo.xml.gz", URL: cdn + "2/extras-catalog.json", Index: AmazonExtras, Complete: true},
	}
}
