// Reads an audit log the way an examiner might who trusts none of Latchkey's code: signed notes and trees by the library of Go's
// checksum database, canonical JSON (RFC 8785) by gowebpki/jcs. Questions come on stdin as JSON, answers go to stdout.
package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/gowebpki/jcs"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type questions struct {
	Key string `json:"key"`
	// Checkpoints as they were published.
	Notes []string `json:"notes"`
	// Rows as Postgres writes them as JSON, in the order of their leaves.
	Rows      []string `json:"rows"`
	Inclusion []struct {
		Row   string   `json:"row"`
		Index int64    `json:"index"`
		Note  string   `json:"note"`
		Proof []string `json:"proof"`
	} `json:"inclusion"`
	Consistency []struct {
		Earlier string   `json:"earlier"`
		Later   string   `json:"later"`
		Proof   []string `json:"proof"`
	} `json:"consistency"`
}

type checkpoint struct {
	Origin string `json:"origin"`
	Size   int64  `json:"size"`
	Root   string `json:"root"`
	Fault  string `json:"fault"`
	hash   tlog.Hash
}

type answers struct {
	Notes       []checkpoint `json:"notes"`
	Root        string       `json:"root"`
	Inclusion   []string     `json:"inclusion"`
	Consistency []string     `json:"consistency"`
}

func main() {
	var asked questions
	exitOn(json.NewDecoder(os.Stdin).Decode(&asked))
	verifier, err := note.NewVerifier(asked.Key)
	exitOn(err)
	known := note.VerifierList(verifier)
	root, err := rootOf(asked.Rows)
	exitOn(err)
	found := answers{Notes: []checkpoint{}, Root: root.String(), Inclusion: []string{}, Consistency: []string{}}
	for _, text := range asked.Notes {
		opened, err := open(text, known)
		opened.Fault = fault(err)
		found.Notes = append(found.Notes, opened)
	}
	for _, claim := range asked.Inclusion {
		found.Inclusion = append(found.Inclusion, fault(func() error {
			at, err := open(claim.Note, known)
			if err != nil {
				return err
			}
			leaf, err := leafOf(claim.Row)
			if err != nil {
				return err
			}
			proof, err := hashes(claim.Proof)
			if err != nil {
				return err
			}
			return tlog.CheckRecord(tlog.RecordProof(proof), at.Size, at.hash, claim.Index, leaf)
		}()))
	}
	for _, claim := range asked.Consistency {
		found.Consistency = append(found.Consistency, fault(func() error {
			earlier, err := open(claim.Earlier, known)
			if err != nil {
				return err
			}
			later, err := open(claim.Later, known)
			if err != nil {
				return err
			}
			proof, err := hashes(claim.Proof)
			if err != nil {
				return err
			}
			return tlog.CheckTree(tlog.TreeProof(proof), later.Size, later.hash, earlier.Size, earlier.hash)
		}()))
	}
	exitOn(json.NewEncoder(os.Stdout).Encode(found))
}

func open(text string, known note.Verifiers) (checkpoint, error) {
	opened, err := note.Open([]byte(text), known)
	if err != nil {
		return checkpoint{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 {
		return checkpoint{}, errors.New("a checkpoint has an origin, a size and a root")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return checkpoint{}, err
	}
	hash, err := tlog.ParseHash(lines[2])
	return checkpoint{Origin: lines[0], Size: size, Root: lines[2], hash: hash}, err
}

// leafOf takes the row without what is no part of the record: its place in the table, its transaction, and columns that are null.
func leafOf(row string) (tlog.Hash, error) {
	var columns map[string]json.RawMessage
	if err := json.Unmarshal([]byte(row), &columns); err != nil {
		return tlog.Hash{}, err
	}
	for name, value := range columns {
		if name == "position" || name == "xid" || string(value) == "null" {
			delete(columns, name)
		}
	}
	text, err := json.Marshal(columns)
	if err != nil {
		return tlog.Hash{}, err
	}
	record, err := jcs.Transform(text)
	return tlog.RecordHash(record), err
}

type stored []tlog.Hash

func (all stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	read := make([]tlog.Hash, 0, len(indexes))
	for _, index := range indexes {
		read = append(read, all[index])
	}
	return read, nil
}

func rootOf(rows []string) (tlog.Hash, error) {
	var all stored
	for index, row := range rows {
		leaf, err := leafOf(row)
		if err != nil {
			return tlog.Hash{}, err
		}
		more, err := tlog.StoredHashesForRecordHash(int64(index), leaf, all)
		if err != nil {
			return tlog.Hash{}, err
		}
		all = append(all, more...)
	}
	return tlog.TreeHash(int64(len(rows)), all)
}

func hashes(texts []string) ([]tlog.Hash, error) {
	read := make([]tlog.Hash, 0, len(texts))
	for _, text := range texts {
		bytes, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(bytes) != tlog.HashSize {
			return nil, errors.New("a hash in a proof is 32 bytes of base64")
		}
		read = append(read, tlog.Hash(bytes))
	}
	return read, nil
}

func fault(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
