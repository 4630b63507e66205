package ssm

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"hinomi/internal/awstest"
)

type attachment struct {
	Key, Name string
	Values    []string
}

type document struct {
	name, kind, format string
	versions           []docVersion
	byDefault          int // from 1
	tags               []tag
}

type docVersion struct {
	content, name string
	attachments   []attachment
}

// Documents are the names of an account's own documents in a region, sorted.
func (s *Server) Documents(account, region string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.place(account, region).documents))
}

// Content is what the version in force of a document says, "" if there is none of that name.
func (s *Server) Content(account, region, name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.place(account, region).documents[name]
	if d == nil || d.byDefault < 1 || d.byDefault > len(d.versions) {
		return ""
	}
	return d.versions[d.byDefault-1].content
}

// DeleteDocument deletes a document, as somebody else does.
func (s *Server) DeleteDocument(account, region, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.place(account, region).documents, name)
}

type documentRequest struct {
	Name, Content, DocumentType, DocumentFormat, VersionName, DocumentVersion string
	Attachments                                                               []attachment
	Tags                                                                      []tag
}

// maxDocument is the largest content of a document (SSM API reference, CreateDocument).
const maxDocument = 64 << 10

func (s *Server) createDocument(c *awstest.Call, p *place) (any, *failure) {
	in := read[documentRequest](s, c)
	if p.documents[in.Name] != nil {
		return nil, &failure{"DocumentAlreadyExists", "Document with same name " + in.Name + " already exists"}
	}
	if bad := checkDocument(in); bad != nil {
		return nil, bad
	}
	d := &document{name: in.Name, kind: cmp.Or(in.DocumentType, "Command"), format: cmp.Or(in.DocumentFormat, "JSON"), byDefault: 1, tags: in.Tags}
	d.versions = []docVersion{{in.Content, in.VersionName, in.Attachments}}
	p.documents[in.Name] = d
	return map[string]any{"DocumentDescription": d.describe(1, "Creating")}, nil
}

func checkDocument(in documentRequest) *failure {
	lower := strings.ToLower(in.Name)
	switch {
	case strings.HasPrefix(lower, "aws") || strings.HasPrefix(lower, "amazon") || strings.HasPrefix(lower, "amzn"):
		return &failure{"InvalidDocumentContent", "Document names beginning with aws, amazon and amzn are reserved."}
	case len(in.Content) > maxDocument:
		return &failure{"MaxDocumentSizeExceeded", "The size limit of a document is 64 KB."}
	case in.DocumentType == "Package" && len(in.Attachments) == 0:
		return &failure{"InvalidDocumentContent", "A package needs attachments."}
	}
	return nil
}

func (s *Server) updateDocument(c *awstest.Call, p *place) (any, *failure) {
	in := read[documentRequest](s, c)
	d := p.documents[in.Name]
	if d == nil {
		return nil, &failure{"InvalidDocument", "Document with name " + in.Name + " does not exist."}
	}
	if bad := checkDocument(in); bad != nil {
		return nil, bad
	}
	for _, v := range d.versions {
		if v.content == in.Content {
			return nil, &failure{"DuplicateDocumentContent", "The content of the association document matches another document."}
		}
		if in.VersionName != "" && v.name == in.VersionName {
			return nil, &failure{"DuplicateDocumentVersionName", "The version name has already been used in this document."}
		}
	}
	d.versions = append(d.versions, docVersion{in.Content, in.VersionName, in.Attachments})
	return map[string]any{"DocumentDescription": d.describe(len(d.versions), "Updating")}, nil
}

func (s *Server) defaultVersion(c *awstest.Call, p *place) (any, *failure) {
	in := read[documentRequest](s, c)
	d := p.documents[in.Name]
	if d == nil {
		return nil, &failure{"InvalidDocument", "Document with name " + in.Name + " does not exist."}
	}
	n, err := strconv.Atoi(in.DocumentVersion)
	if err != nil || n < 1 || n > len(d.versions) {
		return nil, &failure{"InvalidDocumentVersion", "The document version isn't valid or doesn't exist."}
	}
	d.byDefault = n
	return map[string]any{"Description": map[string]any{"Name": d.name, "DefaultVersion": in.DocumentVersion}}, nil
}

func (d *document) describe(version int, status string) map[string]any {
	v := d.versions[version-1]
	sum := sha256.Sum256([]byte(v.content))
	m := map[string]any{
		"Name": d.name, "DocumentType": d.kind, "DocumentFormat": d.format, "DocumentVersion": fmt.Sprint(version), "DefaultVersion": fmt.Sprint(d.byDefault),
		"LatestVersion": fmt.Sprint(len(d.versions)), "Status": status, "Hash": hex.EncodeToString(sum[:]), "HashType": "Sha256", "Tags": append([]tag{}, d.tags...),
	}
	if v.name != "" {
		m["VersionName"] = v.name
	}
	return m
}

func (s *Server) describeDocument(c *awstest.Call, p *place) (any, *failure) {
	in := read[documentRequest](s, c)
	d := p.documents[in.Name]
	if d == nil {
		return nil, &failure{"InvalidDocument", "Document with name " + in.Name + " does not exist."}
	}
	n := d.byDefault
	switch in.DocumentVersion {
	case "", "$DEFAULT":
	case "$LATEST":
		n = len(d.versions)
	default:
		v, err := strconv.Atoi(in.DocumentVersion)
		if err != nil || v < 1 || v > len(d.versions) {
			return nil, &failure{"InvalidDocumentVersion", "The document version isn't valid or doesn't exist."}
		}
		n = v
	}
	return map[string]any{"Document": d.describe(n, "Active")}, nil
}

func (s *Server) deleteDocument(c *awstest.Call, p *place) (any, *failure) {
	in := read[documentRequest](s, c)
	if p.documents[in.Name] == nil {
		return nil, &failure{"InvalidDocument", "Document with name " + in.Name + " does not exist."}
	}
	if slices.ContainsFunc(p.associations, func(a *association) bool { return a.doc == in.Name }) {
		return nil, &failure{"AssociatedInstances", "You must disassociate a document from all managed nodes before you can delete it."}
	}
	delete(p.documents, in.Name)
	return nil, nil //nolint:nilnil // an empty answer
}

func (s *Server) documentVersions(c *awstest.Call, p *place) (any, *failure) {
	in := read[struct {
		pager
		Name string
	}](s, c)
	d := p.documents[in.Name]
	if d == nil {
		return nil, &failure{"InvalidDocument", "Document with name " + in.Name + " does not exist."}
	}
	list := []map[string]any{}
	for i, v := range d.versions {
		list = append(list, map[string]any{"Name": d.name, "DocumentVersion": fmt.Sprint(i + 1), "VersionName": v.name, "IsDefaultVersion": i+1 == d.byDefault})
	}
	page, next, bad := cut(s, in.pager, 50, list)
	if bad != nil {
		return nil, bad
	}
	return withNext(map[string]any{"DocumentVersions": page}, next), nil
}
