// Package model reads the service models that AWS publishes with botocore (service-2.json, paginators-1.json) and holds
// requests and answers against them: a member that the model does not know, a required one that is missing and a value of the
// wrong type are faults. It serves the test double in internal/awstest and nothing else.
package model

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// ErrNoModels says that this machine has no botocore, and so no service models.
var ErrNoModels = errors.New("botocore is not installed")

// Service is one service model of one API version.
type Service struct {
	Name       string // botocore's folder: ec2, elbv2, …
	Metadata   Metadata
	Operations map[string]*Operation
	Shapes     map[string]*Shape
	Pagination map[string]Paginator // by operation
}

// Metadata is the model's head.
type Metadata struct {
	APIVersion   string `json:"apiVersion"`
	Protocol     string `json:"protocol"` // ec2, query, json, rest-json, rest-xml
	JSONVersion  string `json:"jsonVersion"`
	XMLNamespace string `json:"xmlNamespace"`
}

// Operation is one API call.
type Operation struct {
	Name string `json:"name"`
	HTTP struct {
		Method     string `json:"method"`
		RequestURI string `json:"requestUri"`
	} `json:"http"`
	Input  Ref `json:"input"`
	Output struct {
		Ref
		ResultWrapper string `json:"resultWrapper"`
	} `json:"output"`
}

// Ref points at a shape, from a member, a list or an operation.
type Ref struct {
	Shape        string `json:"shape"`
	Location     string `json:"location"`     // uri, querystring, header, headers, statusCode, or empty for the body
	LocationName string `json:"locationName"` // its name on the wire, if not the member's own
	QueryName    string `json:"queryName"`    // ec2 protocol only: its name in a request
	Flattened    bool   `json:"flattened"`
	XMLAttribute bool   `json:"xmlAttribute"`
}

// Shape is one type of the model.
type Shape struct {
	Type      string         `json:"type"` // structure, list, map, string, integer, long, float, double, boolean, timestamp, blob
	Required  []string       `json:"required"`
	Members   map[string]Ref `json:"members"`
	Member    Ref            `json:"member"` // of a list
	Key       Ref            `json:"key"`    // of a map
	Value     Ref            `json:"value"`
	Enum      []string       `json:"enum"`
	Min       *float64       `json:"min"`
	Max       *float64       `json:"max"`
	Flattened bool           `json:"flattened"`
	Payload   string         `json:"payload"` // the member that is the whole body
	Document  bool           `json:"document"`
	Timestamp string         `json:"timestampFormat"`
}

// Paginator says how an operation pages.
type Paginator struct {
	InputToken  OneOrMore `json:"input_token"`
	OutputToken OneOrMore `json:"output_token"`
	LimitKey    string    `json:"limit_key"`
	ResultKey   OneOrMore `json:"result_key"`
	MoreResults string    `json:"more_results"`
}

// OneOrMore is a string or a list of strings, as botocore writes it.
type OneOrMore []string

// UnmarshalJSON reads either form.
func (o *OneOrMore) UnmarshalJSON(b []byte) error {
	var one string
	if err := json.Unmarshal(b, &one); err == nil {
		*o = OneOrMore{one}
		return nil
	}
	var many []string
	if err := json.Unmarshal(b, &many); err != nil {
		return fmt.Errorf("read paginator key: %w", err)
	}
	*o = many
	return nil
}

// Library loads models from botocore's data folder and keeps them.
type Library struct {
	dir string

	mu       sync.Mutex
	services map[string]*Service
}

// Find asks Python where botocore is. It returns ErrNoModels if there is none.
func Find(ctx context.Context) (*Library, error) {
	out, err := exec.CommandContext(ctx, "python3", "-c", "import botocore; print(botocore.__path__[0])").Output()
	if err != nil {
		return nil, fmt.Errorf("%w: ask python3 for it: %w", ErrNoModels, err)
	}
	return Open(filepath.Join(strings.TrimSpace(string(out)), "data")), nil
}

// Open returns the library of models in dir, laid out as botocore's data folder: <service>/<version>/service-2.json[.gz].
func Open(dir string) *Library {
	return &Library{dir: dir, services: map[string]*Service{}}
}

// Service returns the newest model of a service by botocore's folder name.
func (l *Library) Service(name string) (*Service, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.services[name]; s != nil {
		return s, nil
	}
	versions, err := filepath.Glob(filepath.Join(l.dir, name, "*", "service-2.json*"))
	if err != nil || len(versions) == 0 {
		return nil, fmt.Errorf("find model of %s in %s: %w", name, l.dir, os.ErrNotExist)
	}
	newest := filepath.Dir(slices.Max(versions))
	s := &Service{Name: name, Pagination: map[string]Paginator{}}
	if err := readJSON(filepath.Join(newest, "service-2.json"), s); err != nil {
		return nil, fmt.Errorf("read model of %s: %w", name, err)
	}
	var p struct {
		Pagination map[string]Paginator `json:"pagination"`
	}
	if err := readJSON(filepath.Join(newest, "paginators-1.json"), &p); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read paginators of %s: %w", name, err)
	}
	s.Pagination = p.Pagination
	l.services[name] = s
	return s, nil
}

// readJSON reads path, or path.gz where that is what is installed.
func readJSON(path string, into any) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		if b, err = os.ReadFile(path + ".gz"); err != nil {
			return err
		}
		zr, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return fmt.Errorf("unpack %s.gz: %w", path, err)
		}
		if b, err = io.ReadAll(zr); err != nil {
			return fmt.Errorf("unpack %s.gz: %w", path, err)
		}
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("decode %s: %w", path, err)
	}
	return nil
}

// Input returns the input shape of an operation, or an empty structure if it takes none.
func (s *Service) Input(op *Operation) *Shape { return s.structure(op.Input.Shape) }

// Output returns the output shape of an operation, or an empty structure if it gives none.
func (s *Service) Output(op *Operation) *Shape { return s.structure(op.Output.Shape) }

func (s *Service) structure(name string) *Shape {
	if sh := s.Shapes[name]; sh != nil {
		return sh
	}
	return &Shape{Type: "structure"}
}
