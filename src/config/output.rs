//! The section `[output]`.

use serde::{Deserialize, Serialize};

/// How outputs are written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Output {
    pub mode: OutputMode,
}

/// Who may read the files that the program writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputMode {
    /// The user who runs the program: files have the mode 0600, folders 0700.
    #[default]
    Owner,
    /// Also the members of the group of each file: 0640 and 0750.
    Group,
}

impl OutputMode {
    /// The file mode bits that new files and folders do not get.
    pub fn umask(self) -> u32 {
        match self {
            OutputMode::Owner => 0o077,
            OutputMode::Group => 0o027,
        }
    }
}
