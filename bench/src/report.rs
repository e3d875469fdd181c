//! What was measured: JSON lines for machines, a table for people.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use serde_json::json;

/// How each figure of `make bench` comes about.
const METHODS: &str = include_str!("methods.md");

/// Whether a wanted figure is a ceiling or a floor.
#[derive(Clone, Copy)]
pub enum Wanted {
    /// At most this much.
    AtMost(f64),
    /// At least this much.
    AtLeast(f64),
    /// No figure is asked; measured to be known.
    Known,
}

/// One measured figure.
pub struct Figure {
    /// Which scenario, and what of it.
    pub name: String,
    /// The unit of `value`.
    pub unit: &'static str,
    /// What was measured.
    pub value: f64,
    /// What is asked of it.
    pub wanted: Wanted,
    /// The same on the bare TLS reference in the same run.
    pub reference: Option<f64>,
}

impl Figure {
    fn is_met(&self) -> Option<bool> {
        match self.wanted {
            Wanted::AtMost(limit) => Some(self.value <= limit),
            Wanted::AtLeast(limit) => Some(self.value >= limit),
            Wanted::Known => None,
        }
    }
}

/// All figures of one run.
pub struct Report {
    lines: PathBuf,
    figures: Vec<Figure>,
    notes: Vec<String>,
}

impl Report {
    /// Begins a run; its JSON lines go to `folder/figures.jsonl`.
    pub fn begin(folder: &Path) -> Result<Report> {
        fs::create_dir_all(folder)?;
        let lines = folder.join("figures.jsonl");
        fs::write(&lines, "")?;
        Ok(Report {
            lines,
            figures: Vec::new(),
            notes: Vec::new(),
        })
    }

    /// Adds a figure and prints it at once.
    pub fn add(&mut self, figure: Figure) -> Result<()> {
        let mut file = OpenOptions::new().append(true).open(&self.lines)?;
        let line = json!({
            "figure": figure.name, "value": figure.value, "unit": figure.unit,
            "wanted": match figure.wanted {
                Wanted::AtMost(v) => json!({ "at_most": v }),
                Wanted::AtLeast(v) => json!({ "at_least": v }),
                Wanted::Known => json!(null),
            },
            "reference": figure.reference, "met": figure.is_met(),
        });
        writeln!(file, "{line}")?;
        println!("{}", row(&figure));
        self.figures.push(figure);
        Ok(())
    }

    /// A remark that belongs to the run, such as a limit that was met.
    pub fn note(&mut self, text: String) {
        println!("note: {text}");
        self.notes.push(text);
    }

    /// Writes the table for people, and below it how its figures come about.
    pub fn table(&self, file: &Path, command: &str) -> Result<()> {
        let mut text = String::from("# Benchmarks\n\n");
        let cores = std::thread::available_parallelism().map_or(0, |n| n.get());
        writeln!(
            text,
            "Made by `{command}` on {cores} cores, the load generator beside the server. CPU is the server's own, \
             by the kernel's accounting per thread; wall-clock figures vary with whoever shares the machine. \
             The reference is a bare TLS server (rustls, tokio) doing the same socket work in the same run, \
             without XML, storage or rules.\n"
        )?;
        text.push_str(
            "| figure | measured | wanted | reference | ratio | |\n|---|---:|---:|---:|---:|---|\n",
        );
        for figure in &self.figures {
            text.push_str(&row(figure));
            text.push('\n');
        }
        if !self.notes.is_empty() {
            text.push_str("\n## Notes\n\n");
            for note in &self.notes {
                writeln!(text, "- {note}")?;
            }
        }
        text.push_str(METHODS);
        fs::write(file, text)?;
        Ok(())
    }

    /// What was measured so far.
    pub fn figures(&self) -> &[Figure] {
        &self.figures
    }

    /// How many figures were missed.
    pub fn missed(&self) -> usize {
        self.figures.iter().filter(|f| f.is_met() == Some(false)).count()
    }
}

fn row(figure: &Figure) -> String {
    let wanted = match figure.wanted {
        Wanted::AtMost(v) => format!("≤ {}", number(v)),
        Wanted::AtLeast(v) => format!("≥ {}", number(v)),
        Wanted::Known => String::new(),
    };
    let reference = figure.reference.map(number).unwrap_or_default();
    let ratio = figure
        .reference
        .map(|r| format!("{:.2}", figure.value / r))
        .unwrap_or_default();
    let verdict = match figure.is_met() {
        Some(true) => "met",
        Some(false) => "**missed**",
        None => "",
    };
    let Figure {
        name, unit, value, ..
    } = figure;
    format!(
        "| {name} | {} {unit} | {wanted} | {reference} | {ratio} | {verdict} |",
        number(*value)
    )
}

/// A figure as people read it.
pub fn number(value: f64) -> String {
    if value >= 1000.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else if value >= 0.1 {
        format!("{value:.2}")
    } else {
        format!("{value:.4}")
    }
}

/// The value below which this share of the samples lies, in milliseconds.
pub fn percentile(samples: &mut [Duration], share: f64) -> f64 {
    samples.sort_unstable();
    let at = ((samples.len() as f64 * share).ceil() as usize).clamp(1, samples.len().max(1)) - 1;
    samples.get(at).map_or(f64::NAN, |d| d.as_secs_f64() * 1e3)
}
