package main

import (
	"path/filepath"
	"strings"

	"github.com/headstart-ml/headstart/extract/source"
)

// conversion says how a file of a format that is not read becomes one that is,
// "" if there is nothing to say.
func conversion(e *source.FormatError) string {
	if e.Source == "standard input" {
		return ""
	}
	file, base := shellWord(e.Source), filepath.Base(e.Source)
	stem := strings.TrimSuffix(base, filepath.Ext(base))
	csv, folder := shellWord(stem+".csv"), shellWord(strings.TrimSuffix(stem, ".tar"))
	pandas := func(read, write string) string {
		return `python -c "import pandas; pandas.` + read + "('" + e.Source + "')." + write + `"`
	}
	switch e.Format {
	case "Excel", "OpenDocument":
		return "save it as CSV in the spreadsheet program, or: " + pandas("read_excel", "to_csv('"+stem+".csv', index=False)")
	case "Arrow":
		return "make Parquet of it: " + pandas("read_feather", "to_parquet('"+stem+".parquet')")
	case "pickle":
		return "if it is a table of pandas: " + pandas("read_pickle", "to_csv('"+stem+".csv', index=False)")
	case "SQLite":
		return "export a table: sqlite3 -csv -header " + file + " 'SELECT * FROM t' > " + csv
	case "WAV", "FLAC", "Ogg", "MP3", "AAC", "AIFF":
		return "it is sound, where pictures and texts are embedded"
	case "MPEG-4", "Matroska", "AVI":
		return "it is sound or video, where pictures and texts are embedded; ffmpeg -i " + file + " -r 1 %06d.jpg takes a picture a second out of a video"
	case "PDF":
		return "pdftotext " + file + " takes the text out of it"
	case "bzip2":
		return "bzip2 -dc " + file + " | headstart … - decompresses it on the way"
	case "xz":
		return "xz -dc " + file + " | headstart … - decompresses it on the way"
	case "Zstandard":
		return "zstd -dc " + file + " | headstart … - decompresses it on the way"
	case "7-Zip":
		return "unpack it, then give the folder: 7z x -o" + folder + " " + file
	case "RAR":
		return "unpack it, then give the folder: unrar x " + file + " " + folder + "/"
	}
	return ""
}

// shellWord returns s as one word of a shell's command line.
func shellWord(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/+:,=@") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
