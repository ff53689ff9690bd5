// Package folder resolves backbones. Resolve turns a name, a folder or a file
// into a complete models.Spec: the weights, the input contract, the tap that is
// taken as features and its pooling, licence and source. A Spec is either
// complete and agrees with the ONNX graph, or there is an error that names the
// file and the field; nothing is guessed.
//
// # What is read
//
// A backbone is a built-in name, a folder in the Hugging Face layout or an
// .onnx file in one:
//
//	onnx/model*.onnx or model*.onnx  the graph, with external data beside it
//	preprocessor_config.json         images: resize, crop, rescale, normalise
//	processor_config.json            the same, in image_processor
//	config.json                      images: timm's pretrained_cfg, model_type
//	                                 and global_pool; texts:
//	                                 max_position_embeddings
//	backbone.json                    for a graph without other files: modality,
//	                                 tap and max_length, of images size, filter,
//	                                 crop, mean, std, rescale, channels and
//	                                 layout, or else image_processor as in the
//	                                 first, or pretrained_cfg as timm has it,
//	                                 of numbers the shape of a sample where the
//	                                 graph leaves it open
//	open_clip_config.json            images: model_cfg and preprocess_cfg of
//	                                 open_clip, where no other says it
//	tokenizer.json                   texts: the whole tokenizer
//	vocab.txt, vocab.json, merges.txt, *.model  texts: tokenizers from before
//	                                 tokenizer.json, where that is missing
//	tokenizer_config.json            texts: model_max_length, pad_token, sides of
//	                                 padding and truncation
//	sentence_bert_config.json        texts: max_seq_length, do_lower_case
//	config_sentence_transformers.json  texts: prompts, and the default one
//	modules.json, */config.json      texts: the modules behind the token
//	                                 vectors; of two towers, CLIPModel: their
//	                                 folder
//	*/model.safetensors              texts: the weights of modules
//
// A graph that no file says anything of takes numbers as they are if it has one
// input of floats, of a fixed number for each sample, and that can be no
// picture: four dimensions, of which one is 1 or 3 channels, may be one, and
// whole numbers may be tokens. There backbone.json says "modality": "numbers",
// or the samples are numbers (Options.Modality).
//
// Image processors are the table in processors.go, and which tensor is an
// image's embedding the one in embedding.go; modules of texts are the one in
// modules.go. Everything else is refused by name; the components of a tokenizer
// are, by who runs it. models.Spec.Origins has all that was read.
//
// # Which file decides
//
// backbone.json overrules all others. preprocessor_config.json overrules timm's
// pretrained_cfg, and both overrule open_clip_config.json. For the length of
// texts sentence_bert_config.json overrules tokenizer_config.json, and both
// overrule tokenizer.json, as in the library sentence-transformers. What
// tokenizer_config.json says of lower case, accents, a space in front and
// special tokens overrules tokenizer.json for the classes of tokenizers that
// the library transformers holds to it (tokenizerclass.go). What was
// overruled stands in models.Spec.Overruled. A contradiction without such a
// rule is an error that quotes both files.
//
// # A graph alone
//
// What backbone.json says with its plain keys Options.Facts says too, with the
// same result: a size of 256 (the shorter side) or "224x224", a filter, what is
// cropped, mean and std of rescaled levels. Neither overrules a file; a
// contradiction is a *ContradictionError, and what is missing an *UnsaidError
// that has the keys.
package folder
