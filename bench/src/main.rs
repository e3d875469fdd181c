//! Folkmoot's load generator: `folkmoot-bench all` measures every figure that the
//! project holds itself to, against a server that it starts on loopback.

mod client;
mod large;
mod peer;
mod peers;
mod process;
mod reference;
mod report;
mod scenario;
mod seed;
mod talk;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use report::Report;
use scenario::Scenario;

#[derive(Parser)]
#[command(name = "folkmoot-bench", about = "Measures a Folkmoot server on loopback")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Every scenario, and the table.
    All(Options),
    /// One scenario or several.
    Run {
        /// Which.
        #[arg(required = true)]
        scenarios: Vec<Scenario>,
        #[command(flatten)]
        options: Options,
    },
    /// Makes the large sets of scenarios `large` and `archive` and keeps them, unless there are some that fit: some 15 GB,
    /// minutes.
    Seed(Options),
    /// The same work against Folkmoot, ejabberd and Prosody, in one run.
    Peers(Options),
    /// The bare TLS server that the others are compared with.
    #[command(hide = true)]
    Reference {
        mode: reference::Mode,
        address: std::net::SocketAddr,
    },
}

/// What all scenarios share.
#[derive(Args, Clone)]
pub struct Options {
    /// The server's binary.
    #[arg(long, default_value = "target/release/folkmoot")]
    server: PathBuf,
    /// Small numbers, to see that everything runs; its figures say nothing.
    #[arg(long)]
    quick: bool,
    /// Which server it is.
    #[arg(long, value_enum, default_value_t = peer::Kind::Folkmoot)]
    kind: peer::Kind,
    /// Where JSON lines and data folders go.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
    /// Where the table goes.
    #[arg(long)]
    table: Option<PathBuf>,
    /// Prepare accounts and contacts by protocol instead of through the store, and less of them.
    #[arg(skip)]
    over_the_wire: bool,
    /// Exit with 1 when a wanted figure is missed.
    #[arg(long)]
    strict: bool,
}

impl Options {
    /// How much work: to see that it runs, in full, or so much that another server can be prepared for it over the wire.
    fn amount<T>(&self, quick: T, full: T, peers: T) -> T {
        match (self.quick, self.over_the_wire) {
            (true, _) => quick,
            (false, true) => peers,
            (false, false) => full,
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let (scenarios, options) = match Cli::parse().command {
        Command::Reference { mode, address } => return reference::serve(mode, address).await,
        Command::Seed(options) => {
            let made = scenario::large::seed(&options).await?;
            println!("{}: {}", made.data.display(), large::gib(made.bytes));
            let made = talk::have(&options).await?;
            println!("{}: {}", made.data.display(), large::gib(made.bytes));
            return Ok(());
        }
        Command::Peers(options) => return peers::run(&options).await,
        Command::All(options) => (Scenario::ALL.to_vec(), options),
        Command::Run { scenarios, options } => (scenarios, options),
    };
    let mut report = Report::begin(&options.out)?;
    if options.quick {
        report.note("a quick run: small numbers, no figure of it counts".to_owned());
    }
    for scenario in scenarios {
        scenario.run(&options, &mut report).await?;
    }
    if let Some(table) = &options.table {
        report.table(table, "make bench")?;
    }
    if options.strict && report.missed() > 0 {
        std::process::exit(1);
    }
    Ok(())
}
