package main

import (
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/models/builtin"
	"github.com/headstart-ml/headstart/models/folder"
)

// suggestions are what a word of a command line may become.
type suggestions struct {
	words   []suggestion
	folders bool     // names of folders
	files   bool     // names of files and of folders
	endings []string // of files; none: of any file
}

// suggestion is a word and what the help says of it in a line.
type suggestion struct{ word, means string }

// complete says what the last of words may become. The words follow the
// program's name, as arrange takes them.
func complete(root *command, words []string) *suggestions {
	before, last := words[:len(words)-1], words[len(words)-1]
	command, args, help, ended := root, 0, false, false
	given := map[string]bool{}
	var waiting cli.Flag // it stands before the last word, without its value
	for i := 0; i < len(before); i++ {
		word := before[i]
		if word == "--" && !ended {
			ended = true
			continue
		}
		if name, _, hasValue, ok := splitFlag(word); ok && !ended {
			f := lookupAnywhere(command, name)
			if f == nil {
				continue
			}
			given[f.Names()[0]] = true
			if takesValue(f) && !hasValue {
				if i++; i == len(before) {
					waiting = f
				}
			}
			continue
		}
		switch sub := command.find(word); {
		case command == root && word == "help" && !ended:
			help = true
		case sub != nil && args == 0 && !ended:
			command = sub
		case command.subcommands != nil:
			return &suggestions{} // there is no such command
		default:
			args++
		}
	}
	s := &suggestions{}
	name, value, hasValue, isFlag := splitFlag(last)
	switch {
	case waiting != nil:
		s.place(flagTerm(waiting), last, "")
	case isFlag && hasValue && !ended:
		if f := lookup(command, name); f != nil && takesValue(f) {
			s.place(flagTerm(f), value, strings.TrimSuffix(last, value))
		}
	case strings.HasPrefix(last, "-") && !ended:
		s.flags(command, given, last)
	case command.subcommands != nil:
		for _, sub := range command.subcommands {
			s.add(sub.name, sub.does, last)
		}
		if command == root && !help {
			s.add("help", "explains a command", last)
		}
	case !help:
		s.place(argument(command.args, args), last, "")
	}
	return s
}

// add suggests a word that begins with what has been typed.
func (s *suggestions) add(word, means, typed string) {
	if strings.HasPrefix(word, typed) {
		s.words = append(s.words, suggestion{word, means})
	}
}

// flags suggests the flags of a command that may still be given.
func (s *suggestions) flags(c *command, given map[string]bool, typed string) {
	typed = "--" + strings.TrimLeft(typed, "-")
	for _, f := range c.flags {
		if name := f.Names()[0]; !given[name] || repeatable(f) {
			s.add("--"+name, firstClause(f), typed)
		}
	}
	s.add("--help", "shows help", typed)
	if c.name == "headstart" {
		s.add("--version", "shows the version", typed)
	}
}

// firstClause is what a flag does, short enough for a line.
func firstClause(f cli.Flag) string {
	text := f.(cli.DocGenerationFlag).GetUsage()
	if _, after, ok := strings.Cut(text, "`: "); ok && strings.HasPrefix(text, "`") {
		text = after
	}
	if end := strings.IndexAny(text, ";:("); end > 0 {
		text = text[:end]
	}
	return strings.TrimSpace(strings.ReplaceAll(text, "`", ""))
}

// argument is what the help calls the argument of that number, from 0: one that
// may be repeated stands for all that follow.
func argument(usage string, n int) string {
	usage = strings.NewReplacer("[", "", "]", "").Replace(usage)
	for _, word := range strings.Fields(usage) {
		if word == "--" {
			continue
		}
		if n == 0 || strings.Contains(word, "…") {
			return word
		}
		n--
	}
	return ""
}

// fixed is a word that stands in help as it is typed: apply, macro-f1, last:2.
var fixed = regexp.MustCompile(`^[a-z0-9][a-z0-9.:_-]*$`)

// ending is a file's name in help: NAME.features, FILE.onnx.
var ending = regexp.MustCompile(`^[A-Z]+((?:\.[a-z0-9]+)+)$`)

// place suggests what may stand where the help says term, a placeholder such as
// DIR|FILE.onnx, or a flag and its placeholder. Words get the prefix.
func (s *suggestions) place(term, typed, prefix string) {
	flag := ""
	if strings.HasPrefix(term, "--") {
		flag, term, _ = strings.Cut(term, " ")
	}
	any := false
	for alternative := range strings.SplitSeq(strings.ReplaceAll(term, "…", ""), "|") {
		m := ending.FindStringSubmatch(alternative)
		switch {
		case fixed.MatchString(alternative):
			if strings.HasPrefix(alternative, typed) {
				s.words = append(s.words, suggestion{prefix + alternative, ""})
			}
		case alternative == "HEAD":
			s.files, s.endings = true, append(s.endings, ".head.onnx")
		case m != nil:
			s.files, s.endings = true, append(s.endings, m[1])
		case strings.Contains(alternative, "FILE"), alternative == "SOURCE", alternative == "PATH":
			s.files, any = true, true
		case strings.HasPrefix(alternative, "DIR"), alternative == "SRC", alternative == "DST":
			s.folders = true
		case alternative == "NAME" && (flag == "" || flag == "--backbone"):
			s.backbones(typed, prefix)
			if flag != "" {
				s.files, s.folders, s.endings = true, true, append(s.endings, ".onnx")
			}
		}
	}
	if any {
		s.endings = nil
	}
	slices.Sort(s.endings)
	s.endings = slices.Compact(s.endings)
}

// backbones suggests those that come with headstart.
func (s *suggestions) backbones(typed, prefix string) {
	all, err := folder.Builtin(builtin.FS())
	if err != nil {
		return // the command that is typed says so
	}
	for _, b := range all {
		if strings.HasPrefix(b.Name, typed) {
			s.words = append(s.words, suggestion{prefix + b.Name, b.About})
		}
	}
}
