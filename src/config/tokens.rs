//! Tokens of the server: their names, their roles, and where each one is kept.

use std::path::PathBuf;

use anyhow::{Result, bail};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use toml::Value;

use super::Secret;

/// The name of the token in `serve.token`.
pub const UNNAMED_TOKEN: &str = "serve.token";
/// Minimum length of a token.
const MIN_TOKEN_LENGTH: usize = 16;
const MAX_NAME_LENGTH: usize = 64;
/// Largest number of tokens.
const MAX_TOKENS: usize = 63;

/// What clients with a token may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// What was released to the public.
    Public,
    /// Everything but rows of single users.
    Aggregates,
    /// Everything, and rows of single users if `serve.allow_user_rows` is set.
    UserRows,
}

impl Role {
    /// The name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Role::Public => "public",
            Role::Aggregates => "aggregates",
            Role::UserRows => "user_rows",
        }
    }
}

/// An entry of `serve.tokens`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NamedToken {
    /// Appears in the audit log.
    pub name: String,
    pub role: Role,
    /// The environment variable that contains the token.
    #[serde(default)]
    pub token_env: Option<String>,
    /// The file that contains the token.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// The token itself does not belong here and is refused; the field keeps it out of messages.
    #[serde(default, skip_serializing)]
    token: Option<Secret>,
    /// The value of the variable `token_env`.
    #[serde(skip)]
    pub from_env: Option<Secret>,
}

/// Reads `serve.tokens`. No message quotes a value, because it may be a token in the wrong place.
pub(super) fn list<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<NamedToken>, D::Error> {
    let expected = || {
        D::Error::custom(
            "expected a list of tables, each with name, role and either token_env or token_file",
        )
    };
    let Value::Array(entries) = Value::deserialize(deserializer)? else { return Err(expected()) };
    let read = |entry: Value| match entry {
        Value::Table(_) => {
            NamedToken::deserialize(entry).map_err(|e| D::Error::custom(e.message()))
        }
        _ => Err(expected()),
    };
    entries.into_iter().map(read).collect()
}

/// Checks names, and that each token is in one place outside of the configuration.
///
/// # Errors
/// The first entry that is not valid.
pub(super) fn check(tokens: &[NamedToken]) -> Result<()> {
    if tokens.len() > MAX_TOKENS {
        bail!("serve.tokens has {} tokens; at most {MAX_TOKENS} are possible", tokens.len());
    }
    for (index, entry) in tokens.iter().enumerate() {
        let name = &entry.name;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > MAX_NAME_LENGTH || !name.chars().all(is_plain) {
            bail!(
                "serve.tokens: the name of token {} needs 1 to {MAX_NAME_LENGTH} ASCII letters, \
                 digits, hyphens, underscores or dots",
                index + 1
            );
        }
        if name == UNNAMED_TOKEN || tokens[..index].iter().any(|other| other.name == *name) {
            bail!("serve.tokens: {name:?} is the name of another token too; rename one of them");
        }
        if entry.token.is_some() {
            bail!(
                "serve.tokens: the token {name:?} is in the configuration itself; move it to an \
                 environment variable and name that in token_env, or to a file and name that in \
                 token_file"
            );
        }
        match (&entry.token_env, &entry.token_file) {
            (Some(variable), None) if variable.is_empty() || variable.contains(['=', '\0']) => {
                bail!("serve.tokens: token_env of {name:?} is not the name of a variable");
            }
            (Some(_), None) | (None, Some(_)) => {}
            (None, None) => bail!(
                "serve.tokens: the token {name:?} needs token_env, the environment variable, or \
                 token_file, the file that contains it"
            ),
            (Some(_), Some(_)) => bail!(
                "serve.tokens: the token {name:?} has both token_env and token_file; remove one"
            ),
        }
    }
    Ok(())
}

/// Checks that a token cannot be guessed and can be sent in a header; `place` says where it is kept.
///
/// # Errors
/// A token that is too short, or that contains other than printable ASCII characters.
pub fn check_token(place: &str, token: &Secret) -> Result<()> {
    let token = token.reveal();
    if token.len() < MIN_TOKEN_LENGTH || !token.chars().all(|c| c.is_ascii_graphic()) {
        bail!(
            "{place} needs at least {MIN_TOKEN_LENGTH} printable ASCII characters without spaces; \
             `openssl rand -hex 32` generates one"
        );
    }
    Ok(())
}
