package export

import (
	"bytes"
	"encoding/json"
	"strings"
)

// literal writes a string as Python, JavaScript and Go read it.
func literal(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil { // of a string it has none
		panic("export: " + err.Error())
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// word writes the name of a file as one word of a shell, which no command takes
// for a flag.
func word(name string) string {
	if strings.HasPrefix(name, "-") {
		name = "./" + name
	}
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./,:=+@%", r) || r > 0x7f
	}
	if name != "" && strings.IndexFunc(name, func(r rune) bool { return !plain(r) }) < 0 {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}
