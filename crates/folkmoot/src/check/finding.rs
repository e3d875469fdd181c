//! One thing that is wrong, as a line for people and as a record for programs.

use std::fmt;

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The server would not start or not work.
    Error,
    /// It would work, but not as it should.
    Warning,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What it is about; where nothing else is said, the whole line.
    pub what: String,
    /// What was found.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub found: String,
    /// What should be there.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub wanted: String,
    /// What to do.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remedy: String,
}

impl Finding {
    fn new(level: Level, what: impl Into<String>) -> Self {
        Self {
            level,
            what: what.into(),
            found: String::new(),
            wanted: String::new(),
            remedy: String::new(),
        }
    }

    /// Something that keeps the server from working.
    pub fn error(what: impl Into<String>) -> Self {
        Self::new(Level::Error, what)
    }

    /// Something that is not as it should be.
    pub fn warning(what: impl Into<String>) -> Self {
        Self::new(Level::Warning, what)
    }

    /// What was found, what should be there, and what to do.
    pub fn detail(
        mut self,
        found: impl Into<String>,
        wanted: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        self.found = found.into();
        self.wanted = wanted.into();
        self.remedy = remedy.into();
        self
    }

    /// Whether it keeps the server from working.
    pub fn is_error(&self) -> bool {
        self.level == Level::Error
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        write!(f, "{level}: {}", self.what)?;
        if !self.found.is_empty() {
            write!(f, ": found {}", self.found)?;
        }
        if !self.wanted.is_empty() {
            write!(f, ", wanted {}", self.wanted)?;
        }
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        Ok(())
    }
}
