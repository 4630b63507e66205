// Package wire writes answers and errors in the forms of AWS's protocols, and reads the codes of errors, for the test double in internal/awstest.
package wire

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"hinomi/internal/awstest/model"
)

// Reply is an answer. Cut makes the server send CutAt bytes of its body and then drop the connection; with Status 0 nothing is sent at all.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
	Code   string // the error's code, for the record
	Cut    bool
	CutAt  int
}

// Drop is no answer: the connection ends.
func Drop() *Reply { return &Reply{Cut: true} }

// Write sends the reply.
func (r *Reply) Write(w http.ResponseWriter) {
	if r.Status == 0 {
		panic(http.ErrAbortHandler) // net/http's own way to drop a connection
	}
	for k, v := range r.Header {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(r.Body)))
	if w.Header().Get("X-Amzn-Requestid") == "" {
		w.Header().Set("X-Amzn-Requestid", RequestID)
	}
	w.WriteHeader(r.Status)
	body := r.Body
	if r.Cut {
		body = body[:min(r.CutAt, len(body))]
	}
	if _, err := w.Write(body); err != nil {
		return // the caller hung up
	}
	if r.Cut {
		_ = http.NewResponseController(w).Flush() // what goes out before the cut, if it can
		panic(http.ErrAbortHandler)
	}
}

// RequestID stands in answers that the server gives itself.
const RequestID = "00000000-0000-4000-8000-000000000000"

// Error is an error in the form of a protocol (ec2, query, json, rest-json, rest-xml). More are further members of the error's shape, by name and value in
// turn; only JSON protocols carry them.
func Error(protocol string, status int, code, message string, more ...string) *Reply {
	r := &Reply{Status: status, Code: code, Header: http.Header{}}
	switch protocol {
	case "json", "rest-json":
		body := map[string]string{"message": message}
		if protocol == "json" {
			body["__type"] = code
		}
		for i := 0; i+1 < len(more); i += 2 {
			body[more[i]] = more[i+1]
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-Amzn-Errortype", code)
		r.Body, _ = json.Marshal(body) // strings only: it cannot fail
	case "query", "rest-xml":
		r.Header.Set("Content-Type", "text/xml")
		e := &model.Node{Name: "Error"}
		e.Set("Type", "Sender")
		e.Set("Code", code)
		e.Set("Message", message)
		root := &model.Node{Name: "ErrorResponse", Children: []*model.Node{e, {Name: "RequestId", Text: RequestID}}}
		r.Body = root.Bytes()
	default:
		r.Header.Set("Content-Type", "text/xml;charset=UTF-8")
		e := &model.Node{Name: "Error"}
		e.Set("Code", code)
		e.Set("Message", message)
		root := &model.Node{Name: "Response", Children: []*model.Node{
			{Name: "Errors", Children: []*model.Node{e}}, {Name: "RequestID", Text: RequestID},
		}}
		r.Body = root.Bytes()
	}
	return r
}

// ErrorCode reads the code of an error answer, or "".
func ErrorCode(r *Reply) string {
	if t := r.Header.Get("X-Amzn-Errortype"); t != "" {
		t, _, _ = strings.Cut(t, ":")
		return t
	}
	var j struct {
		Type string `json:"__type"`
	}
	if json.Unmarshal(r.Body, &j) == nil {
		return j.Type[strings.LastIndex(j.Type, "#")+1:]
	}
	root, err := model.ParseXML(r.Body)
	if err != nil || !slices.Contains([]string{"Response", "ErrorResponse", "Error"}, root.Name) {
		return ""
	}
	for _, path := range [][]string{{"Errors", "Error", "Code"}, {"Error", "Code"}, {"Code"}} {
		if code := root.Path(path...); code != "" {
			return code
		}
	}
	return ""
}
