package runtime

// headstart needs flock and fsync as Linux and macOS have them. On Windows,
// build and run it inside WSL 2.
var _ = headstart_does_not_run_on_Windows__use_WSL_2
