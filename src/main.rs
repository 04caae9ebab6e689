//! The `inception-nas` program: parse, dispatch, exit code.

fn main() -> std::process::ExitCode {
    inception_nas::ops::keep_freed_memory();
    inception_nas::cli::main()
}
