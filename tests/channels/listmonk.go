// What listmonk does with a file of subscribers and a campaign: the calls of its importer and its CompileTemplate, written anew.
package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/mail"
	"os"
	"regexp"
	"strings"
	text "text/template"
)

type subscriber struct {
	Email   string
	Attribs map[string]interface{}
}

type message struct {
	Subscriber subscriber
}

var shorthands = []struct {
	found *regexp.Regexp
	full  string
}{
	{regexp.MustCompile(`{{(\s+)?TrackLink(\s+)?(.+?)(\s+)?}}`), `{{ TrackLink $3 . }}`},
	{regexp.MustCompile(`(https?://.+?)@TrackLink`), `{{ TrackLink "$1" . }}`},
	{regexp.MustCompile(`{{(\s+)?(TrackView|UnsubscribeURL)(\s+)?}}`), `{{ $2 . }}`},
}

var functions = template.FuncMap{
	"Safe":           func(s string) template.HTML { return template.HTML(s) },
	"TrackLink":      func(url string, m message) string { return "tracked" },
	"TrackView":      func(m message) template.HTML { return "viewed" },
	"UnsubscribeURL": func(m message) string { return "left" },
}

func full(s string) string {
	for _, short := range shorthands {
		s = short.found.ReplaceAllString(s, short.full)
	}
	return s
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func isTemplate(s string) bool {
	_, after, ok := strings.Cut(s, "{{")
	return ok && strings.Contains(after, "}}")
}

func htmlOf(source string, m message) string {
	base := template.Must(template.New("base").Funcs(functions).Parse(`{{ template "content" . }}`))
	body, err := template.New("content").Funcs(functions).Parse(full(source))
	check(err)
	done, err := base.AddParseTree("content", body.Tree)
	check(err)
	var out bytes.Buffer
	check(done.ExecuteTemplate(&out, "base", m))
	return out.String()
}

func alternative(source string, m message) string {
	if !isTemplate(source) {
		return source
	}
	body, err := template.New("content").Funcs(functions).Parse(full(source))
	check(err)
	var out bytes.Buffer
	check(body.ExecuteTemplate(&out, "content", m))
	return out.String()
}

func subject(source string, m message) string {
	if !isTemplate(source) {
		return source
	}
	body, err := text.New("content").Funcs(text.FuncMap(functions)).Parse(full(source))
	check(err)
	var out bytes.Buffer
	check(body.ExecuteTemplate(&out, "content", m))
	return out.String()
}

func main() {
	var parts map[string]string
	check(json.NewDecoder(os.Stdin).Decode(&parts))
	file, err := os.Open(os.Args[1])
	check(err)
	rows := csv.NewReader(file)
	header, err := rows.Read()
	check(err)
	at := map[string]int{}
	notASCII := regexp.MustCompile(`[[:^ascii:]]`)
	for i, name := range header {
		at[notASCII.ReplaceAllString(strings.TrimSpace(name), "")] = i
	}
	if _, ok := at["email"]; !ok {
		check(errors.New("'email' column not found"))
	}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for {
		row, err := rows.Read()
		if err == io.EOF {
			break
		}
		check(err)
		email := strings.ToLower(strings.TrimSpace(row[at["email"]]))
		read, err := mail.ParseAddress(email)
		check(err)
		if read.Address != email {
			check(errors.New("not the address itself"))
		}
		var attribs map[string]interface{}
		check(json.Unmarshal([]byte(row[at["attributes"]]), &attribs))
		m := message{subscriber{email, attribs}}
		check(out.Encode(map[string]interface{}{
			"message_id": attribs["message_id"],
			"subject":    subject(parts["subject"], m),
			"html":       htmlOf(parts["html"], m),
			"text":       alternative(parts["text"], m),
		}))
	}
}
