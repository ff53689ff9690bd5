// Package fit fits heads to rows of features, one file a family.
//
// A family can be used by itself,
//
//	s := fit.Softmax{L2: 1e-3}
//	h, err := s.Fit(ctx, x, y, nil)
//
// and it can fit a path of candidates to many parts of the same rows side by
// side, as cross-validation does: a Bench holds the rows, Deal measures all
// their parts in one pass, and Families lists what can be fitted to them.
//
// # Softmax
//
// Softmax is multinomial logistic regression: on features x that are
// standardised, it minimises
//
//	(1/N) Σ wᵢ·CEᵢ + λ/2 ‖W‖²
//
// over W (C×D) and a free intercept b, where CE is the cross-entropy of
// softmax(W·x + b), the weights w have mean 1 and λ is Softmax.L2. It is the
// objective of scikit-learn's LogisticRegression with C = 1/(λN). (With two
// classes W has two rows here and one in scikit-learn: the same model for C =
// 2/(λN).)
//
// L-BFGS works in the metric of an approximate inverse Hessian, which is
// selected by what it costs beside a pass over the rows:
//
//   - one factor a class, of the covariance of about 4·D rows weighted with
//     p(1−p), with the coupling of the classes put back between the factors;
//   - for many features, the same in the 128 leading directions of the rows;
//   - for few rows, one factor of a·Cov + λI for all classes, a being the mean
//     of p(1−p).
//
// Where there are 100 rows a feature, an epoch of small batches comes first.
// Along a path of λ each fit begins where the last one ended, with the gradient
// that is known there, and the factors serve several λ. All that changes how
// many passes over the rows a fit takes, and not its optimum.
//
// Products of blocks of rows are float32, sums over blocks, parameters and
// closed forms are float64. On amd64 with AVX2 or AVX-512 a pass is fused: a
// block's logits, exponentials and gradient are made while its rows are in the
// processor's cache, and the rows are read where they are held. A fit stops
// when its relative gap to the optimum, which it estimates from the Newton
// decrement and the rate at which that falls, is below a tolerance.
//
// # Closed forms
//
// Ridge and LDA are solved from sums over the rows: the weights and means of
// the classes and the scatter matrix of all rows (Sums), in float64. Those of
// the cells of a deal are measured once, and those of a part are theirs added
// up, so that a path costs one factorisation of D×D numbers for each part and
// strength, and no pass. LeaveOneOut says what ridge heads of many strengths do
// on each row that is left out, without a fit more. Discriminant projects rows
// by the same sums, and fits softmax heads to what comes of it.
//
// A Ledger keeps such sums by the names of classes: new samples, and new
// classes, are added to it without the old rows, and heads of NCM, Ridge and
// LDA are solved from it as if they had been fitted to all. Softmax fits begin
// at an earlier head (HeadStart).
//
// # Perceptrons
//
// MLP fits one or two hidden layers of rectified linear units by AdamW on small
// batches. Rows that are set aside, one in ten of each class, say when to stop
// and which weights are kept. All that is drawn comes from its seed: the same
// rows, settings and seed give the same bits, whatever the number of threads. A
// fit takes tens of passes over the rows with many times the weights of a
// softmax head, so that comparisons of all families leave it out
// (Entry.Apart).
//
// # Sparse rows
//
// SparseSoftmax has the same objective for rows with few values that are not 0,
// such as counts of words that a TFIDF weighs, alone or behind an embedding
// (Sparse.Behind). It is no family of the table: its models are not written to
// head files.
//
// # Labels, numbers, grades
//
// Logistic, Linear and Ordinal fit heads of the other tasks, whose rows have
// Targets in the place of a class: any of several labels, numbers, grades. Each
// says what it minimises. TargetFamilies lists them for paths of candidates.
// Those that go by iteration take one pass over the rows for all labels, of
// which each has an L-BFGS of its own around a shared factor.
//
// # What reaches a fit
//
// Nothing but the rows of its part: mean and scale are sums over the cells of
// the part, added up and never taken from a total, and if features vary little
// around a large mean, the rows are shifted by the part's own mean before
// float32 products. However large other rows are, or if they are no numbers,
// they change no bit. Only the factors along a path are
// those of the first part of the same deal: the folds inside one training part
// share them, and rows outside that part reach none of its fits. Which part
// they are of decides how fast fits are and, within the tolerance, where they
// stop.
//
// # Determinism
//
// The same rows and settings give the same bits on one architecture and set of
// vector instructions: rows are
// cut into lanes whose number depends on nothing but the number of rows, lanes
// are added up in their order, and Settings.Threads only says how many of them
// run at a time. Between architectures or sets of instructions, the order of
// sums and fused multiply-adds may change last bits; fits then differ by less
// than their tolerance. So may the order in which features lie (head.Stored)
// that are larger than Settings.Memory, since passes read them in it.
package fit
