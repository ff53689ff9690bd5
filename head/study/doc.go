// Package study answers, from a user's own data, what would make a model
// better: more data, more layers, or nothing.
//
//	result, err := study.Run(ctx, data, learner, &study.Settings{Budget: time.Hour})
//	fmt.Println(result.Advice.Text)
//
// A [Learner] trains at several depths: a head alone, a head on more taps of
// the backbone, the last layers, half of them, all. [Run] has it do so on
// subsets of the training samples and measures each time the same test samples,
// so that depths are compared in pairs: what a subset or a test sample has of
// luck, it has for all of them.
//
// # Subsets
//
// The training samples are put in an order for each seed
// ([experiment.Order]), and a subset is the beginning of it, so that the
// smaller is part of the larger. Classes are spread evenly, groups stay
// together. Sizes are all of them, and all divided by √2, 2, 2√2, …, as far as
// [Settings.Smallest] allows. Data with a test split are measured on it. Of
// others, a fifth is held out with each seed, as a fold of a cross-validation:
// five seeds test every sample once.
//
// # Cost
//
// What is trained first is what costs least, by the estimate of the Learner,
// until [Settings.Budget] is used up; what is left goes into testing layers on
// the other folds of the largest size. No clock is read, so the same data and
// settings give the same result everywhere; what does not go into the budget is
// in [Result.Skipped]. With a [Notebook] a study that was stopped resumes where
// it was.
//
// # What is predicted
//
// [Extrapolate] continues the curve of each depth to more samples than there
// are, and [Advice] says what follows of it, by a rule that stands there.
//
// The package reads and writes no files.
package study
