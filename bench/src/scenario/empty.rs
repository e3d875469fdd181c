//! The server without anybody.

use std::time::Duration;

use anyhow::Result;

use super::start;
use crate::Options;
use crate::report::{Figure, Report, Wanted};
use crate::seed::Seed;

const MIB: f64 = 1024.0 * 1024.0;

pub async fn run(options: &Options, report: &mut Report) -> Result<()> {
    let (server, _) = start(options, "empty", Seed::default()).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let size = std::fs::metadata(&options.server)?.len();
    for (name, value, unit, wanted) in [
        (
            "empty server: resident",
            server.resident()? as f64 / MIB,
            "MiB",
            40.0,
        ),
        ("empty server: binary", size as f64 / MIB, "MiB", 40.0),
        (
            "empty server: start to first page",
            server.start.as_secs_f64(),
            "s",
            2.0,
        ),
    ] {
        let wanted = Wanted::AtMost(wanted);
        report.add(Figure {
            name: name.to_owned(),
            unit,
            value,
            wanted,
            reference: None,
        })?;
    }
    Ok(())
}
