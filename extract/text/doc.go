// Package text turns texts into the token ids that a text backbone was trained
// with, and back, exactly as Hugging Face tokenizers 0.23.3 runs their
// tokenizer.json. Not one id may differ, so the reference's slips are kept and
// named where they are.
//
//	t, err := text.Open("tokenizer.json", nil)
//	ids, err := t.AppendIDs(nil, "a text") // as fast as it goes
//	e, err := t.Encode("a text")           // with offsets, masks and type ids
//	s := t.Decode(ids, true)
//
// A Tokenizer is safe for concurrent use. The package stands alone: it needs
// neither a C compiler nor anything else of this module but how files are
// opened.
//
// A text goes this way:
//
//  1. Bytes that are not UTF-8 become U+FFFD (repair.go); the prefix of the
//     options is put in front.
//  2. Added tokens that are looked for in the text as it is cut it into
//     passages (added.go, passage.go).
//  3. Each passage is normalised: lower-casing if the options ask for it, then
//     what the file says.
//  4. Added tokens that are looked for in the normalised text, in their own
//     normalised spelling, cut the passages once more.
//  5. The pre-tokenizer makes words, the model (bpe.go, unigram.go,
//     wordpiece.go, wordlevel.go) cuts them into tokens of the vocabulary.
//     What words become is kept for the next time (wordcache.go).
//  6. Tokens for which there is no room are cut off (truncation.go).
//  7. The post-processor puts special tokens around the rest; what that does to
//     ids is found once (layout.go).
//  8. Encodings are filled up (padding.go).
//
// components.go has the tables of what steps 3, 5 and 7 can be, and of what
// decodes. Where 3 and 5 are BERT's, they run as one pass over the text
// (fused.go), which stops when step 6 would cut off all that follows. Where in
// the text tokens come from is followed only for encodings.
//
// Regexes of step 3 and 5 are Oniguruma's. Those that published tokenizers have
// are recognised by their exact text and found by code of their own
// (lexers.go); any other is compiled (regex.go) and run in time that is linear
// in the text (regexmatch.go), or refused if it would be read in another way. A
// text on which a regex would take more than 256 MiB of memory is an error.
//
// tables.go holds what steps 3 and 5 know of Unicode, tables_regex.go what
// regexes do. They are generated from the answers of the reference
// (testdata/generate_tables.py), and a test compares the answers to all
// 1,112,064 code points.
//
// Beside tokens, a text has words in the sense of scikit-learn (AppendWords),
// and a Bag counts them, and pairs of them, in the columns of a matrix.
package text
