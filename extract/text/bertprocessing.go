package text

import "encoding/json"

// readBertProcessing is the entry of BertProcessing: [CLS] text [SEP].
func readBertProcessing(o object) (postProcessor, error) {
	return func(size int) (template, error) {
		t := template{beforeType: []int32{0}, afterType: []int32{0}}
		var err error
		if t.before, err = readPair(o, "cls", size); err == nil {
			t.after, err = readPair(o, "sep", size)
		}
		return t, err
	}, nil
}

// readPair reads a BertProcessing's ["[SEP]", 102].
func readPair(o object, name string, size int) ([]int32, error) {
	var pair []json.RawMessage
	if err := o.read(name, &pair); err != nil {
		return nil, err
	}
	var token string
	var id uint32
	if len(pair) != 2 || json.Unmarshal(pair[0], &token) != nil || json.Unmarshal(pair[1], &id) != nil {
		return nil, o.errorf("%s is not a token and its id", name)
	}
	checked, err := checkID(o, name, id, size)
	return []int32{checked}, err
}
