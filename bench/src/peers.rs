//! The comparison: each scenario against each server, one after the other in one run, and one table of it.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use crate::Options;
use crate::peer::Kind;
use crate::report::{Figure, Report, number};
use crate::scenario::Scenario;

const SCENARIOS: [Scenario; 5] = [
    Scenario::Idle,
    Scenario::Login,
    Scenario::Contacts,
    Scenario::Chat,
    Scenario::Fanout,
];

pub async fn run(options: &Options) -> Result<()> {
    let mut reports: Vec<(Kind, Report)> = Vec::new();
    for kind in Kind::ALL {
        let options = Options {
            kind,
            over_the_wire: true,
            out: options.out.join(format!("{kind:?}").to_lowercase()),
            ..options.clone()
        };
        println!("{kind:?}");
        let mut report = Report::begin(&options.out)?;
        for scenario in SCENARIOS {
            scenario.run(&options, &mut report).await?;
        }
        reports.push((kind, report));
    }
    match &options.table {
        Some(file) => write_table(file, &reports),
        None => Ok(()),
    }
}

fn write_table(file: &Path, reports: &[(Kind, Report)]) -> Result<()> {
    let cores = std::thread::available_parallelism().map_or(0, |n| n.get());
    let mut text = format!(
        "# Beside other servers\n\nMade by `make bench-peers` on {cores} cores: Folkmoot, and ejabberd and Prosody as Debian \
         packages them, each started alone with the modules that this work needs, prepared over the wire (in-band registration, \
         presence subscriptions) and given the same work by the same client on the same machine in one run. CPU is the \
         server's own. No server was tuned beyond raising its limits.\n\n| figure |"
    );
    for (kind, _) in reports {
        write!(text, " {kind:?} |")?;
    }
    text += "\n|---|";
    text += &"---:|".repeat(reports.len());
    text += "\n";
    let Some((_, first)) = reports.first() else {
        return Ok(());
    };
    for Figure { name, unit, .. } in first.figures() {
        write!(text, "| {name} |")?;
        for (_, report) in reports {
            let found = report.figures().iter().find(|figure| figure.name == *name);
            match found {
                Some(figure) => write!(text, " {} {unit} |", number(figure.value))?,
                None => text += " – |",
            }
        }
        text += "\n";
    }
    std::fs::write(file, text)?;
    Ok(())
}
