// Package draft writes a file, or a folder of files, whole or not at all, and
// opens for reading what is a regular file and nothing else.
//
// A draft lies beside the place that it is for, under a hidden temporary name:
// for DIR/NAME it is DIR/.NAME.xxxxxxxx.tmp, where xxxxxxxx are eight letters
// and digits. Place brings the content to the disk, gives it its name, and
// syncs DIR. Until then DIR/NAME is what it was before, whatever fails, and
// after a crash it is the old content or the new one.
//
// A draft is locked (flock) as long as it is one. A draft that nobody holds is
// what a killed process has left: the next draft for the same place removes
// it. On a file system that cannot lock, drafts are written without locks and
// none is removed. A folder that was being replaced where names cannot be
// swapped may be left as DIR/.NAME.xxxxxxxx.old; [Mend] puts it back or removes
// it.
//
// A [Part] is the exception: it grows under its own name, for instance while
// something is downloaded, and is there again after a crash.
//
// Files have the mode 0666 and folders 0777, less the umask.
//
// Errors do not name the place: the caller knows what it is for, and says so.
package draft
