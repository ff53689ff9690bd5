// Package jpeg decodes JPEG files to RGB, equal bit for bit to what Pillow's
// Image.open(…).convert("RGB") gives, that is to libjpeg-turbo with its default
// settings: the accurate integer inverse transform ("islow"), triangle chroma
// upsampling ("fancy") and fixed-point colour.
//
// It is written from ITU-T T.81 (the same text as ISO/IEC 10918-1), T.871
// (JFIF), T.872 (colours, Adobe's segment) and measurements of what the
// reference gives.
//
// Sequential and progressive files of 8 bits are read, Huffman- or
// arithmetic-coded, with one, three or four components: grey, YCbCr, RGB, CMYK
// and YCCK. All sampling factors are read that divide the greatest ones; scans
// may be interleaved or not. Where the scans of a progressive file leave lower
// frequencies unknown, these are guessed as libjpeg-turbo guesses them ("block
// smoothing"); arithmetic-coded ones of that kind are refused. Files of 12
// bits, lossless and hierarchical ones and those that state their height at the
// end (DNL) are refused by name.
//
// # What is read of a damaged file
//
// Nothing is invented. Where the coded samples end early, hold a code that no
// table has, or lack a restart marker, libjpeg-turbo warns and carries on with
// grey or shifted samples; this package returns an error. Stray bytes in front
// of a marker, fill bytes and what stands behind the end of the image change no
// sample and are passed over, as there. A file without its end (EOI) is
// truncated, as it is for Pillow.
//
// # Rows and regions
//
// A Decoder hands out finished rows, from the top. Files of one scan are
// decoded into a band of two rows of MCUs, progressive ones into coefficients
// (2 bytes a sample), others of several scans into planes (1 byte a sample).
// Only the samples that a region needs are transformed. All of the file is
// read, so that damage behind the region is found too.
package jpeg
