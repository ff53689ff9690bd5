package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/head/predict"
	"github.com/headstart-ml/headstart/head/study"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/export"
	"github.com/headstart-ml/headstart/models/folder"
	"github.com/headstart-ml/headstart/models/library"
	"github.com/headstart-ml/headstart/models/runtime"
)

// The exit codes. They are part of the contract with scripts.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitBadSamples  = 3
	exitCorrupt     = 4
	exitInterrupted = 130
)

// exitMeaning is what the help says of an exit code.
var exitMeaning = map[int]string{
	exitDone:        "done",
	exitFailed:      "failed",
	exitUsage:       "the command line is wrong",
	exitBadSamples:  "finished, but there are more bad samples than --max-bad allows",
	exitCorrupt:     "the cache is corrupt",
	exitInterrupted: "interrupted",
}

// usageError says what is wrong with a command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, a ...any) error { return &usageError{fmt.Sprintf(format, a...)} }

// badSamplesError ends a run that is complete but for more bad samples than
// were allowed.
type badSamplesError struct {
	bad, samples int64
	limit        string // as --max-bad was given
	quarantine   string // the file that lists them
	none         error  // that there is no other sample; nil: there are some
}

func (e *badSamplesError) Error() string {
	if e.none != nil {
		return fmt.Sprintf("%v; %s says why", e.none, e.quarantine)
	}
	return fmt.Sprintf("%d of %d samples are bad, more than --max-bad %s allows; %s says why", e.bad, e.samples, e.limit, e.quarantine)
}

// interruptedError ends a run over samples that was interrupted.
type interruptedError struct {
	left string // what is left of it, and what the same command will do
	err  error
}

func (e *interruptedError) Error() string { return e.err.Error() }
func (e *interruptedError) Unwrap() error { return e.err }

// commandError is an error of a command, "extract" or "cache stat".
type commandError struct {
	command string
	err     error
}

func (e *commandError) Error() string { return e.command + ": " + e.err.Error() }
func (e *commandError) Unwrap() error { return e.err }

// flagComplaint is how the flag package and urfave/cli end their errors:
// ` for flag -threads: parse error`, ` for -json: parse error`, ` for flag lr:
// strconv.ParseFloat …`.
var flagComplaint = regexp.MustCompile(` for (?:flag )?-?([a-z0-9-]+):.*$`)

// onUsageError is called by urfave/cli with what its parser says.
func onUsageError(_ *cli.Context, err error, _ bool) error {
	return &usageError{flagComplaint.ReplaceAllString(err.Error(), " for --$1")}
}

// exitCode maps an error to the exit code of the process.
func exitCode(ctx context.Context, err error) int {
	var (
		usage   *usageError
		bad     *badSamplesError
		corrupt *cache.CorruptError
	)
	switch {
	case err == nil:
		return exitDone
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &bad):
		return exitBadSamples
	case errors.As(err, &corrupt):
		return exitCorrupt
	}
	return exitFailed
}

// remedy says what to do about a failure of the machine, "" if err is none.
func remedy(err error) string {
	errno, _ := errors.AsType[syscall.Errno](err)
	_, sample := errors.AsType[*source.MachineError](err)
	do := ""
	switch errno {
	case syscall.EMFILE, syscall.ENFILE:
		do = "raise the limit of open files (ulimit -n 4096)"
	case syscall.ENOSPC, syscall.EDQUOT:
		do = "make room on that disk"
	case syscall.ENOMEM, syscall.ENOBUFS:
		do = "free memory, or take fewer --threads"
	default:
		if !sample {
			return ""
		}
		do = "see to the disk or the server that the samples are on (dmesg says more)"
	}
	do += ", then run the same again"
	if sample {
		do += ": what was computed is in the cache"
	}
	return do
}

// advice says what to do about an error of a room that knows facts and no
// flags; "" if there is none.
func advice(err error) string {
	var (
		labels   *experiment.LabelsError
		folds    *experiment.FoldsError
		groups   *experiment.GroupsError
		splits   *experiment.SplitsError
		empty    *experiment.EmptyError
		classes  *experiment.ClassesError
		infinite *experiment.FeaturesError
		nearest  *head.NeighboursError
		unclear  *source.UnsettledError
		none     *source.NoSamplesError
		format   *source.FormatError
		drift    *extract.DriftError
		several  *features.SeveralError
		single   *features.OneError
		target   *experiment.TargetError
		another  *features.OtherError
		tensor   *models.NoTensorError
		encoding *source.EncodingError
		late     *source.LateColumnError
		listed   *source.FeatureSetError
		client   *library.ClientError
		digest   *library.DigestError
		damaged  *library.DamagedError
		kept     *library.KeptError
		nowhere  *library.UnpublishedError
		noTap    *folder.NoTapError
		files    *folder.FilesError
		both     *folder.ModalitiesError
		hub      *folder.HubError
		process  *folder.ProcessorError
		length   *folder.NoLengthError
		unsaid   *folder.UnsaidError
		against  *folder.ContradictionError
		fact     *folder.FactError
		pickle   *folder.PickleError
		older    *folder.SlowError
		unread   *runtime.ModelError
		there    *export.ThereError
		whole    *export.QuantisedError
		far      *export.MovedError
		headless *predict.EmbedderError
		inside   *export.InsideError
		held     *file.ThereError
		lonely   *file.AloneError
		apart    *export.DifferentError
		nameless *predict.HeadNameError
		branch   *predict.BranchError
		licence  *predict.LicenceError
		other    *predict.OtherLicenceError
		short    *study.TooFewError
		oneClass *study.ClassesError
		alone    *study.OneUnitError
		lists    *study.TaskError
	)
	switch {
	case errors.As(err, &held) && held.Exported:
		return "--replace replaces it, --out gives another name"
	case errors.As(err, &lonely) && len(lonely.Can) > 0:
		return "--format " + strings.Join(lonely.Can, " or ") + " can"
	case errors.As(err, &lonely):
		return "--format folder writes it together with its backbone"
	case errors.As(err, &short) && short.Labelled > 0:
		return fmt.Sprintf("label more: %s labelled samples in all are enough, and headstart train-head needs fewer", count(int64(short.Labelled)))
	case errors.As(err, &short):
		return "label more, or move samples out of the split test; headstart train-head needs fewer"
	case errors.As(err, &oneClass) && oneClass.Class == "":
		return "extract takes labels from a folder's names or with --label COL"
	case errors.As(err, &alone) && alone.Group != "":
		return "--by none tests samples of the group that it is trained on"
	case errors.As(err, &lists):
		return "headstart train-head --head logistic learns several labels, and --repeat K says how much they vary"
	case errors.Is(err, library.ErrNoClient), errors.As(err, &client):
		return "headstart runtime install --from URL|FILE takes a wheel of onnxruntime " + library.Version + ", an npm package onnxruntime-node " + library.NpmVersion + " or an archive of a release, from wherever you have it"
	case errors.Is(err, library.ErrNoFolder):
		return "name a folder with --dir DIR, and the library in it with --runtime FILE later"
	case errors.As(err, &digest) && !digest.Sure:
		return "if you trust it, --sha256 " + digest.Got + " takes it, of version " + library.Minimum + " or newer"
	case errors.As(err, &damaged):
		return "get it again"
	case errors.As(err, &kept):
		return "the same command resumes there"
	case errors.As(err, &nowhere):
		return strings.Join(runtime.Install(), ", or ")
	case errors.As(err, &apart) && apart.Tolerance == export.PixelsTolerance:
		return "an answer of this head depends on single levels of pixels, or the runtime's Resize is another one; leave --input pixels out, or train with a larger --l2"
	case errors.As(err, &inside) && inside.Modality != models.Image:
		return "leave --input pixels out"
	case errors.As(err, &inside):
		return "leave --input pixels out: images are resized before the graph then, as the folder's README.md says"
	case errors.As(err, &unread) && unread.Newer:
		return "--runtime FILE takes another library"
	case errors.As(err, &unclear):
		return "say " + settle(unclear)
	case errors.As(err, &none):
		return instead(none)
	case errors.As(err, &format):
		return conversion(format)
	case errors.As(err, &encoding) && encoding.Likely != "":
		return "say --encoding " + encoding.Likely
	case errors.As(err, &late):
		return fmt.Sprintf("say --%s %s to take that column, or --%[1]s with another one", late.Column, late.Column)
	case errors.As(err, &listed):
		return "headstart inspect " + shellWord(listed.Path) + " says what it is of, headstart train-head " + shellWord(listed.Path) + " fits a head on it"
	case errors.As(err, &several):
		set := "NAME.features"
		if len(several.Sets) == 1 {
			set = shellWord(several.Sets[0])
		}
		return "headstart train-head --head logistic " + set + " learns several; or extract without --multi-label, from a column of one label each (--label COL)"
	case errors.As(err, &single):
		return "extract --multi-label reads a;b, and lists, as several labels; headstart train-head --head softmax learns one"
	case errors.As(err, &target) && target.Task == head.Number:
		return "a head of numbers learns labels that are numbers alone; without --head linear, labels are classes"
	case errors.As(err, &target):
		return "--grades LOW,…,HIGH gives the grades in their order; without --head ordinal, labels are classes"
	case errors.As(err, &drift):
		return putBack
	case errors.As(err, &another):
		if another.What == "" {
			return "--out gives another name"
		}
		return "--replace replaces it, --out gives another name"
	case errors.As(err, &noTap) && len(noTap.Taps) > 0:
		var taps []string
		for _, t := range noTap.Taps {
			taps = append(taps, "--tap "+shellWord(t))
		}
		if len(taps) == 1 {
			taps = append(taps, "another tensor of those that headstart inspect "+shellWord(noTap.Place)+" lists")
		}
		return "say " + orList(taps)
	case errors.As(err, &noTap):
		return "--tap TENSOR:POOLING takes another tensor of the graph"
	case errors.As(err, &files):
		return "--backbone " + shellWord(filepath.Join(files.Folder, filepath.FromSlash(files.Files[0]))) + " takes that one"
	case errors.As(err, &both):
		return "extract takes the part that is for the samples of its source"
	case errors.As(err, &hub):
		return "hf download " + hub.Name + " --local-dir " + hub.Name + " puts it there"
	case errors.As(err, &process):
		return "correct that file, or say in " + process.File + ` how images are prepared, which overrules it: {"size": …, "filter": …, "crop": …, "mean": …, "std": …}, as the flags of these names have it`
	case errors.As(err, &length) && length.Dim != "":
		return "write its length N into the file: python -m onnxruntime.tools.make_dynamic_shape_fixed --dim_param " + shellWord(length.Dim) + " --dim_value N " + shellWord(length.Place) + " NEW.onnx; or take a tensor before that operator with --tap TENSOR:POOLING"
	case errors.As(err, &length):
		return "write its length into the file (the package onnx sets graph.output[…].type.tensor_type.shape.dim[-1].dim_value), or take a tensor before that operator with --tap TENSOR:POOLING"
	case errors.As(err, &unsaid):
		return sayFacts(unsaid)
	case errors.As(err, &against) && against.File == "":
		return fmt.Sprintf("leave --%s out", factFlag(against.Key))
	case errors.As(err, &against):
		return fmt.Sprintf("leave --%s out, or correct %s", factFlag(against.Key), against.File)
	case errors.As(err, &older):
		return fmt.Sprintf(`python -c "from transformers import AutoTokenizer; AutoTokenizer.from_pretrained('%s').save_pretrained('%[1]s')" writes it`, older.Folder)
	case errors.As(err, &pickle):
		from, to := filepath.Join(pickle.Folder, pickle.File), filepath.Join(pickle.Folder, pickle.Wanted)
		return fmt.Sprintf(`python -c "import torch; from safetensors.torch import save_file; save_file(torch.load('%s', map_location='cpu', weights_only=True), '%s')" writes them`, from, to)
	case errors.As(err, &fact):
		return fmt.Sprintf("--%s gives another value", factFlag(fact.Key))
	case errors.As(err, &tensor):
		return "headstart inspect " + tensor.Backbone + " lists them"
	case errors.As(err, &labels):
		return "extract takes labels from a folder's names or with --label COL"
	case errors.As(err, &folds) && folds.Units < 2:
		return "--l2 λ with --calibrate none needs no folds; or give more data"
	case errors.As(err, &folds) && folds.Test:
		return fmt.Sprintf("ask for at most --cv %d", folds.Units)
	case errors.As(err, &folds):
		return fmt.Sprintf("ask for at most --folds %d", folds.Units)
	case errors.As(err, &groups):
		return "use --by auto or --by none, or extract with --group COL"
	case errors.As(err, &splits):
		return "leave --split out, or extract without the column of splits"
	case errors.As(err, &empty):
		return "use --cv, or another --seed"
	case errors.As(err, &classes):
		return "use another --split, or fewer folds with --cv and --folds"
	case errors.As(err, &nearest):
		return "--shots N keeps at most N samples of each class; another --head keeps none"
	case errors.As(err, &there) && there.Exported:
		return "--replace replaces it"
	case errors.As(err, &whole):
		return "without --precision they stay as they are"
	case errors.As(err, &branch):
		return "export each by itself"
	case errors.As(err, &nameless) && nameless.Names == nil:
		return "leave --head out"
	case errors.As(err, &nameless):
		return "--head takes one of these"
	case errors.As(err, &headless):
		return "headstart extract --backbone " + shellWord(headless.Path) + " makes embeddings with it, which train-head fits a head on"
	case errors.As(err, &far) && far.Precision == export.Int8:
		return "--precision f16 rounds less"
	case errors.As(err, &far):
		return "without --precision nothing is rounded"
	case errors.As(err, &licence):
		return "--licence NAME says it, an SPDX identifier such as apache-2.0; a README.md beside the backbone that begins with the lines ---, license: NAME, --- says it for good"
	case errors.As(err, &other):
		return "leave --licence out"
	case errors.As(err, &infinite):
		return "take a pooled tap with extract --tap, or fewer feature sets"
	}
	return ""
}

// conclude prints err, if there is one, and returns the exit code for it.
func conclude(ctx context.Context, w io.Writer, err error) int {
	code := exitCode(ctx, err)
	if code == exitDone {
		return code
	}
	command, text := "", err.Error()
	var ce *commandError
	if errors.As(err, &ce) {
		command, text = ce.command+": ", ce.err.Error()
		// A room that is called as the command is need not say so again, and
		// where these look for an error says nothing to a person.
		text = strings.TrimPrefix(text, command)
		for _, room := range []string{"head: ", "head/file: ", "predict: ", "data: ", "settings: "} {
			text = strings.TrimPrefix(text, room)
		}
	}
	if errors.As(err, new(*runtime.LibraryError)) {
		text = strings.ReplaceAll(text, "("+runtime.AskedFor+")", "("+placeOf(runtime.AskedFor)+")")
	}
	switch code {
	case exitInterrupted:
		text = "interrupted"
		if i, ok := errors.AsType[*interruptedError](err); ok {
			text += ": " + i.left
		}
	case exitFailed:
		if do := remedy(err); do != "" {
			text += "\n" + do
		}
		if do := advice(err); do != "" {
			text += "; " + do
		}
	case exitUsage:
		help := "headstart help"
		if ce != nil {
			help += " " + ce.command
		}
		if !strings.Contains(text, help) {
			text += "\n" + help + " shows how it is used"
		}
	}
	fmt.Fprintf(w, "headstart: %s%s\n", command, text)
	return code
}

// putBack is the advice where rows are not those of before.
const putBack = "put back what computed the rows (--runtime FILE names another library), or start another cache with --cache DIR"

// settle returns the flags that say how a source is to be read.
func settle(e *source.UnsettledError) string {
	if n := len(e.Formats) - 1; n >= 0 {
		return "--format " + strings.Join(e.Formats[:n], ", ") + " or " + e.Formats[n]
	}
	if e.NoHeader {
		return "--text N or --image N"
	}
	if e.Arrays {
		return "--numbers COL"
	}
	return "--image COL or --text COL"
}

// orList writes choices: "a, b or c".
func orList(words []string) string {
	if n := len(words) - 1; n > 0 {
		return strings.Join(words[:n], ", ") + " or " + words[n]
	}
	return strings.Join(words, "")
}
