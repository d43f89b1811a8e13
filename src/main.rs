//! `lakehand`: everything is in the library; see `cli` for what can be asked.

fn main() -> std::process::ExitCode {
    lakehand::cli::main()
}
