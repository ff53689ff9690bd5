package experiment

// Settings says how Train works. The zero value, and nil, mean the defaults.
type Settings struct {
	// Kind is the kind of head: "softmax" (default ""), "ncm", or "auto", which compares all of them on Metric.
	Kind string
	// L2 is λ of the softmax head, > 0. The default 0 chooses it on a path of L2Points strengths from 10 to 1e-6, evenly spaced in
	// logarithm, by cross-validation with Folds folds inside the training part.
	L2 float64
	// L2Points is the number of strengths on the path, at least 2. The default 0 means 30.
	L2Points int
	// Folds is the number of folds that choose λ and calibrate, at least 2. The default 0 means 5, or as many as there are units where
	// there are fewer, which is then said.
	Folds int
	// Tolerance is the relative gap to the optimum at which the fit of what was chosen stops, between 0 and 1; fits along the path stop at 1e-3 or at Tolerance,
	// if that is coarser. The default 0 means 1e-4.
	Tolerance float64
	// Metric is what selection goes by: "accuracy" (default ""), "macro-f1" or "log-loss". Ties go to the larger λ.
	Metric string
	// CV tests by cross-validation of the whole procedure with this many folds, at least 2, instead of one held-out part; splits that the
	// data bring are then not used. The default 0 means 5 for fewer than 2,000 labelled rows without splits (fewer where there are fewer units,
	// which is then said), and otherwise one held-out part.
	CV int
	// Split says which share of the units goes to which part, by a stable hash. The default nil means 0.6, 0.2 and 0.2 where neither CV nor splits
	// in the data say otherwise.
	Split *Split
	// Shots is the number of training rows of each class that are fitted on at most, drawn by the seed; the other rows of the training part take no part.
	// It needs held-out parts: Split or the data's own, else the default split is taken. The default 0 means all.
	Shots int
	// By says what stays together besides rows of equal content: "group", "none", or "auto" (default ""), the group where there is one.
	By string
	// ClassWeight is "none" (default ""), "balanced" (each class weighs the same in all) or "map", which takes ClassWeights.
	// Weights are scaled to mean 1 over the rows of each fit.
	ClassWeight string
	// ClassWeights holds the weight of each class, finite and > 0, for ClassWeight "map".
	ClassWeights map[string]float64
	// NoStandardize leaves the features as they are. The default subtracts each feature's mean and divides by its population standard
	// deviation on the rows of the fit; a constant feature has scale 1.
	NoStandardize bool
	// L2Normalize divides each row by its Euclidean length before anything else; a row of zeros stays one.
	L2Normalize bool
	// NoRefit returns the model that was fitted on the training part. The default fits it again, with what was selected, on training and
	// validation part together.
	NoRefit bool
	// Calibrate is "temperature" (default "") or "none". The temperature is fitted on the validation part, or without one on out-of-fold logits.
	Calibrate string
	// Seed drives every random choice. The default is 0.
	Seed uint64
	// Repeat runs everything with this many seeds, from Seed on, and reports the spread; the model and all else comes from the first. The default
	// 0 means 1.
	Repeat int
	// Threads is the number of goroutines that compute. The default 0 means runtime.GOMAXPROCS(0). It changes no bit of the result.
	Threads int
	// Memory is the size, in bytes, up to which the features are held in memory; larger ones are read again in each pass. The default 0 means 2 GiB.
	Memory int64
	// Progress, if it is not nil, is called from one goroutine at a time, with the number of fits that are done and the number of all fits.
	Progress func(done, total int)
}

// Split is the share of the units that goes to each part. The shares are not negative and add up to 1; Train is positive.
type Split struct{ Train, Validation, Test float64 }
