package features

import "encoding/json"

// FormatVersion is the version of the file format that this package writes,
// and the newest that it reads.
const FormatVersion = 1

// Meta is what a feature set says about itself.
type Meta struct {
	FormatVersion int               `json:"format_version"`    // 0 when writing means FormatVersion
	Spaces        []json.RawMessage `json:"spaces"`            // space.json of each space, in column order
	Backbone      string            `json:"backbone"`          // as given: a built-in name or a path
	Modality      string            `json:"modality"`          // "image" or "text"
	Source        []string          `json:"source"`            // as given
	Reading       map[string]string `json:"reading,omitempty"` // how Source was read: format, columns, root
	Counts        Counts            `json:"counts"`
	Tool          string            `json:"tool"`    // "headstart VERSION"
	Created       string            `json:"created"` // RFC 3339, UTC; "" when writing means SOURCE_DATE_EPOCH, or now
}

// Counts are facts about the data, none about a run over it.
type Counts struct {
	Samples    int `json:"samples"`    // rows; filled in when writing
	Bad        int `json:"bad"`        // samples of the source that are not in the set
	Duplicates int `json:"duplicates"` // rows whose content an earlier row has as well
}
