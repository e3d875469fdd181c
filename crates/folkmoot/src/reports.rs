//! `folkmoot reports`: what people reported with a block, for whoever administers the server. What is told comes over the
//! administration socket; what strangers wrote is shown without what would move a terminal's cursor.

use std::process::ExitCode;

use anyhow::bail;

use crate::admin::{self, Reply, Reported, Request};
use crate::config::Config;
use crate::{quietly, say};

/// Prints every report, the newest first.
pub fn print(config: &Config) -> anyhow::Result<ExitCode> {
    quietly(config)?.block_on(async {
        let mut asked = admin::ask(config).await?;
        let mut before = None;
        let mut is_first = true;
        loop {
            let Reply::Reports { reports } = asked.put(Request::Reports { before }).await? else {
                bail!("the server answered something else than expected");
            };
            let Some(last) = reports.last() else { break };
            before = Some(last.number);
            for report in &reports {
                if !std::mem::take(&mut is_first) {
                    say("")?;
                }
                say(&told(report))?;
            }
        }
        if is_first {
            say("nothing was reported")?;
        }
        asked.finish().await;
        Ok(ExitCode::SUCCESS)
    })
}

fn told(report: &Reported) -> String {
    let by = report.reporter.as_deref().unwrap_or("a deleted account");
    let mut lines = vec![format!(
        "{}  {}  {} reports {}: {}",
        report.number,
        format::datetime::to_text(report.created),
        by,
        report.reported,
        plain(&report.reason)
    )];
    if !report.text.is_empty() {
        lines.push(format!("    {}", plain(&report.text)));
    }
    lines.extend(
        report
            .messages
            .iter()
            .map(|message| format!("    > {}", plain(message))),
    );
    lines.join("\n")
}

/// On one line, without control characters.
fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words
        .join(" ")
        .chars()
        .filter(|char| !char.is_control())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_told_on_lines_that_nobody_can_break() {
        let report = Reported {
            number: 3,
            created: 0,
            reporter: None,
            reported: "romeo@localhost".into(),
            reason: "spam".into(),
            text: String::new(),
            messages: vec!["\u{1b}[2Jbuy\nnow".into()],
        };
        assert_eq!(
            told(&report),
            "3  1970-01-01T00:00:00Z  a deleted account reports romeo@localhost: spam\n    > [2Jbuy now"
        );
    }
}
