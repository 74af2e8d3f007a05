//! The pager of the user, for long tables on a terminal.

use std::io::Write;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result};

/// Options of `less` if the user has set none: quit if everything fits on the screen, keep colours, cut long
/// lines, leave the text on the screen.
const LESS: &str = "FRSX";

fn pager() -> String {
    std::env::var("PAGER").unwrap_or_default().trim().to_owned()
}

/// A running pager.
pub struct Pager {
    child: Child,
    command: String,
}

impl Pager {
    /// True if the user has named a pager.
    pub fn is_wanted() -> bool {
        !pager().is_empty()
    }

    /// Starts the program that the variable PAGER names; `None` if it names none.
    ///
    /// # Errors
    /// A program that cannot be started.
    pub fn start() -> Result<Option<Self>> {
        let command = pager();
        if command.is_empty() {
            return Ok(None);
        }
        let mut shell = Command::new("sh");
        shell.args(["-c", &command]).stdin(Stdio::piped());
        if std::env::var_os("LESS").is_none() {
            shell.env("LESS", LESS);
        }
        let child =
            shell.spawn().with_context(|| format!("PAGER = {command} cannot be started"))?;
        Ok(Some(Pager { child, command }))
    }

    /// What to write to.
    ///
    /// # Errors
    /// A second call.
    pub fn input(&mut self) -> Result<Box<dyn Write + Send>> {
        let input: ChildStdin =
            self.child.stdin.take().context("the pager has its input already")?;
        Ok(Box::new(std::io::BufWriter::with_capacity(1 << 16, input)))
    }

    /// Waits until the user has closed the pager, whose input has to be closed before.
    ///
    /// # Errors
    /// A program that was not found or failed.
    pub fn wait(mut self) -> Result<()> {
        let status = self.child.wait().context("the pager")?;
        // 127: not found
        anyhow::ensure!(status.code() != Some(127), "PAGER = {} was not found", self.command);
        Ok(())
    }
}
