// Package report draws what headstart tells about heads: the page of a trained
// head, one self-contained HTML file, and the tables that the commands print on
// a terminal.
//
// It computes nothing beyond the scaling that drawing takes: all figures come
// from package head. Equal input gives equal bytes. Labels, ids and texts are
// foreign: on the page they are escaped, isolated from the direction of the
// text around them and cut where they are very long; on a terminal what would
// control it is spelled out.
package report
