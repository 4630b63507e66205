package feed

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"regexp"

	"hinomi/internal/source/feed/form"
)

// Index is a kind of list from which the files of a feed are learnt.
type Index string

// The kinds.
const (
	// AmazonExtras is Amazon Linux 2's catalogue of extras: a repository of its own for each topic.
	AmazonExtras Index = "amazon-extras"
	// MicrosoftMonths is the list of the Microsoft Security Response Center's documents: one for each month since April 2016.
	MicrosoftMonths Index = "microsoft-months"
)

// expand returns files with those that an index names in the place of the index, and the indexes that could not be read.
func (d *downloader) expand(ctx context.Context, files []Remote) (out []Remote, failed []Update) {
	for _, r := range files {
		if r.Index == "" {
			out = append(out, r)
			continue
		}
		parts, err := d.parts(ctx, r)
		if err != nil {
			failed = append(failed, Update{File: r.File, Status: "failed", Err: fmt.Errorf("download %s: list them: %w", r.File, err)})
			continue
		}
		out = append(out, parts...)
	}
	return out, failed
}

// parts returns the files that an index names. A mirror has no index: its manifest names them.
func (d *downloader) parts(ctx context.Context, r Remote) ([]Remote, error) {
	if d.o.Base != "" {
		return d.mirrored(r)
	}
	b, err := d.small(ctx, r.URL)
	if err != nil {
		return nil, err
	}
	var out []Remote
	switch r.Index {
	case AmazonExtras:
		out, err = extras(b, r)
	case MicrosoftMonths:
		out, err = months(b, r)
	default:
		err = fmt.Errorf("%w: no such index: %q", ErrFormat, r.Index)
	}
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("%w: it names no file", ErrFormat)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.URL, err)
	}
	return out, nil
}

// mirrored returns the files of a mirror that an index stands for.
func (d *downloader) mirrored(r Remote) ([]Remote, error) {
	var out []Remote
	if d.mirror != nil {
		for _, e := range d.mirror.Entries {
			if ok, err := path.Match(r.File, e.File); err == nil && ok {
				out = append(out, Remote{File: e.File, Licence: r.Licence, Complete: r.Complete})
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w of the mirror", ErrUnlisted)
	}
	return out, nil
}

// topicName is what an extras topic may be called; it becomes a folder's name.
var topicName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]*$`)

// extras reads cdn.amazonlinux.com/2/extras-catalog.json. A topic whose repository has no errata is of no consequence; neither is it that one is
// deprecated, for what is installed from it stays.
func extras(b []byte, r Remote) ([]Remote, error) {
	var d struct {
		Topics []struct {
			Name string `json:"n"`
		} `json:"topics"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, form.Format(err)
	}
	var out []Remote
	for _, t := range d.Topics {
		if !topicName.MatchString(t.Name) || t.Name == "core" {
			return nil, fmt.Errorf("%w: topic %q", ErrFormat, t.Name)
		}
		at, err := url.Parse(r.URL)
		if err != nil {
			return nil, err
		}
		out = append(out, Remote{
			File: path.Dir(path.Dir(r.File)) + "/" + t.Name + "/" + path.Base(r.File), URL: at.JoinPath("..", "extras", t.Name, "latest", "x86_64", "mirror.list").String(),
			Licence: r.Licence, Complete: r.Complete, MirrorList: true, Optional: true,
		})
	}
	return out, nil
}

// month is what a document of Microsoft's is called: "2024-Mar", once "2017-May-B".
var month = regexp.MustCompile(`^[0-9]{4}-[A-Z][a-z]{2}(-[A-Z])?$`)

// months reads api.msrc.microsoft.com/cvrf/v3.0/updates, which says when each document was last changed. Those documents have no validators.
func months(b []byte, r Remote) ([]Remote, error) {
	var d struct {
		Value []struct {
			ID      string `json:"ID"`
			Current string `json:"CurrentReleaseDate"`
		} `json:"value"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, form.Format(err)
	}
	var out []Remote
	for _, v := range d.Value {
		if !month.MatchString(v.ID) || v.Current == "" {
			return nil, fmt.Errorf("%w: document %q of %q", ErrFormat, v.ID, v.Current)
		}
		at, err := url.Parse(r.URL)
		if err != nil {
			return nil, err
		}
		out = append(out, Remote{
			File: path.Dir(r.File) + "/" + v.ID + path.Ext(r.File), URL: at.JoinPath("..", "cvrf", v.ID).String(), Licence: r.Licence, Complete: r.Complete, Version: v.Current,
		})
	}
	return out, nil
}
