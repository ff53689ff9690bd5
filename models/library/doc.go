// Package library gets the official ONNX Runtime library, checks it, and puts
// it where every program finds it. It does not load it, so it needs no cgo;
// package models/runtime does.
//
//	installed, err := library.Install(ctx, nil)
//
// downloads it with pip or npm, where one is there, into [Folder], in which
// models/runtime.Find looks. With Options.From it is taken out of an archive
// that is downloaded from a URL or lies in a file: an official wheel of any
// Python version, the npm package onnxruntime-node, an archive of a release of
// ONNX Runtime, or the library itself. Which of them it is, is told by content.
//
// # What is trusted
//
// Only what is known by its SHA-256. checksums.txt, which is a part of the
// package, has the digests of the libraries that are taken, for each platform,
// and of the archives that pip and npm download. What counts is the digest of
// the library, so another wheel with the same library in it passes too; an
// archive whose name stands in the list must have the digest beside it. All
// else is a [DigestError], unless Options.SHA256 vouches for it.
//
// The list has no archive of a release: one passes if the library in it stands
// in the list, and needs Options.SHA256 otherwise.
//
// # Whole or not at all
//
// A download goes into a file NAME.part in the folder of the library. If the
// connection breaks it is resumed from where it was (Range, RFC 9110), as often
// as bytes come; if the program ends, the next Install goes on. The library
// gets its name once its digest is right and all of it is on the disk.
package library
