package transfer

import (
	"fmt"
	"runtime/debug"
)

// module is this module, of which builds tell the version.
const module = "github.com/headstart-ml/headstart"

// studyFormat is the number of the way in which lessons are done. It is raised
// by hand where what is learnt changes, since not every build tells a version.
const studyFormat = 2

// thisProgram stands for what does lessons, in words: the version of the module
// in the program that runs, as far as its build tells, and studyFormat.
func thisProgram() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = new(debug.BuildInfo)
	}
	return programOf(info)
}

// programOf is thisProgram by what a build tells. Of a build of a checkout that
// is the version with the commit in it, where it was recorded.
func programOf(info *debug.BuildInfo) string {
	version := ""
	if info.Main.Path == module {
		version = info.Main.Version
	}
	for _, d := range info.Deps {
		if d.Path != module {
			continue
		}
		if version = d.Version; d.Replace != nil {
			version = d.Replace.Path + " " + d.Replace.Version
		}
	}
	if version == "" || version == "(devel)" {
		version = "development version"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && version == "development version" {
			version += " " + s.Value
		}
	}
	return fmt.Sprintf("%s, notes %d", version, studyFormat)
}
