// Package text turns texts into the token ids that a text backbone was
// trained with, exactly as Hugging Face tokenizers 0.23.3 runs their
// tokenizer.json. Not one id may differ, so the reference's slips are kept and
// named where they are.
//
// A text goes this way:
//
//  1. Bytes that are not UTF-8 become U+FFFD (repair.go); the prefix of the
//     contract is put in front.
//  2. Added tokens that are looked for in the text as it is cut it into parts
//     (added.go).
//  3. Each part is normalised: lower-casing if the contract asks for it, then
//     what the file says. BertNormalizer (bertnormalizer.go) does cleaning,
//     spaces around ideographs, accents, lower-casing, in this order.
//  4. Added tokens that are looked for in the normalised text, in their own
//     normalised spelling, cut the parts once more.
//  5. The pre-tokenizer (bertpretokenizer.go) makes words, the model
//     (wordpiece.go) cuts them into tokens of the vocabulary.
//  6. The end is cut off so that the text's tokens and those of the template
//     (template.go) are at most MaxLen together.
//
// components.go has the tables of what steps 3, 5 and 6 can be. Where 3 and 5
// are Bert's, they run as one pass over the text (fused.go), which stops when
// step 6 would cut off all that follows.
//
// Regexes of step 3 and 5 are Oniguruma's. Those that published tokenizers have
// are recognised by their exact text and found by code of their own
// (lexers.go); any other is compiled (regex.go) and run in time that is linear
// in the text (regexmatch.go), or refused if it would be read in another way.
//
// tables.go holds what steps 3 and 5 know of Unicode, tables_regex.go what
// regexes do. They are generated from the answers of the reference
// (testdata/generate_tables.py), and a test compares the answers to all
// 1,112,064 code points.
package text
