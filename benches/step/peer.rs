//! The programs that are timed: ours, and the same step in other libraries (`benches/peers`).

use std::path::Path;
use std::process::Command;

/// Another library.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Peer {
    Pytorch,
    Candle,
    Burn,
}

/// A program that takes the options of `benches/peers/torch_step.py`, ready to run.
pub struct Program {
    pub name: String,
    /// The executable and its first arguments.
    command: Vec<String>,
}

impl Program {
    /// This crate's program, built by `cargo bench`.
    pub fn ours() -> Self {
        let command = [env!("CARGO_BIN_EXE_inception-nas"), "bench", "--no-aux", "--json"];
        Self { name: "inception-nas".to_owned(), command: command.map(str::to_owned).to_vec() }
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]);
        command
    }
}

impl Peer {
    /// Builds the program, or looks for what it needs. Fails with the reason why it cannot run.
    pub fn prepare(self) -> Result<Program, String> {
        match self {
            Self::Pytorch => pytorch(),
            Self::Candle => build("candle"),
            Self::Burn => build("burn"),
        }
    }

    /// Timed steps where ours takes `steps`: fewer in the libraries that are slower by far.
    pub fn steps(self, steps: usize) -> usize {
        match self {
            Self::Pytorch => steps,
            Self::Candle | Self::Burn => steps.min(2),
        }
    }
}

fn peers() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers"))
}

fn pytorch() -> Result<Program, String> {
    let probe = Command::new("python3").args(["-c", "import numpy, torch; print(torch.__version__)"]).output();
    let probe = probe.map_err(|error| format!("python3: {error}"))?;
    if !probe.status.success() {
        let message = String::from_utf8_lossy(&probe.stderr);
        return Err(message.lines().last().unwrap_or("python3 failed").to_owned());
    }
    let version = String::from_utf8_lossy(&probe.stdout);
    let script = peers().join("torch_step.py").display().to_string();
    Ok(Program { name: format!("PyTorch {}", version.trim()), command: vec!["python3".to_owned(), script] })
}

/// Builds `benches/peers/NAME`, which takes minutes the first time.
fn build(name: &str) -> Result<Program, String> {
    let target = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/target/peers"));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "--locked", "--manifest-path"])
        .arg(peers().join(name).join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        // Their kernels for this machine's vectors are chosen when they are built, ours when they run.
        .env("RUSTFLAGS", "-C target-cpu=native")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if !status.success() {
        return Err("its build failed, see above".to_owned());
    }
    let program = target.join("release").join(format!("{name}-step")).display().to_string();
    Ok(Program { name: name.to_owned(), command: vec![program] })
}
