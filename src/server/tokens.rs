//! The tokens of the server: who has which role.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::token_file;
use crate::config::{NamedToken, Role, Secret, Serve, UNNAMED_TOKEN, check_token};
use crate::errors::UsageError;

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The name of the token.
    pub name: Arc<str>,
    pub role: Role,
}

/// All tokens. Only their digests are kept: comparing these takes the same time for any token, however
/// long it is and wherever it differs.
pub struct Tokens(Vec<(Identity, [u8; 32])>);

impl Tokens {
    /// Reads the tokens of the configuration, of environment variables and of files.
    ///
    /// # Errors
    /// [`UsageError`] for rows of single users without a token that may read them; a token that is
    /// missing, too short or used twice; a file that others can read.
    pub fn read(serve: &Serve) -> Result<Self> {
        let mut tokens = Tokens(Vec::new());
        if let Some(token) = &serve.token {
            // before tokens had names, this one gave access to everything
            tokens.add(UNNAMED_TOKEN, Role::UserRows, token)?;
        }
        for entry in &serve.tokens {
            let place = format!("serve.tokens: the token {:?}", entry.name);
            let token = value(entry).with_context(|| place.clone())?;
            check_token(&place, &token)?;
            tokens.add(&entry.name, entry.role, &token)?;
        }
        let may_read_user_rows = |(identity, _): &(Identity, _)| identity.role == Role::UserRows;
        if serve.allow_user_rows && !tokens.0.iter().any(may_read_user_rows) {
            return Err(anyhow!(UsageError(
                "serve.allow_user_rows = true needs a token: add one with role = \"user_rows\" to \
                 serve.tokens, or set MOBILITY_SERVE_TOKEN (`openssl rand -hex 32` creates one); \
                 without rows of single users, remove serve.allow_user_rows"
                    .to_owned()
            )));
        }
        Ok(tokens)
    }

    fn add(&mut self, name: &str, role: Role, token: &Secret) -> Result<()> {
        let digest = digest(token.reveal());
        if let Some((other, _)) = self.0.iter().find(|(_, known)| *known == digest) {
            bail!(
                "the tokens {:?} and {name:?} are equal; give each its own (`openssl rand -hex 32` \
                 generates one)",
                other.name
            );
        }
        self.0.push((Identity { name: name.into(), role }, digest));
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The position of a token.
    pub fn find(&self, token: &str) -> Option<usize> {
        let digest = digest(token);
        // all are compared, whichever is equal
        self.0.iter().enumerate().fold(None, |found, (position, (_, known))| {
            if bool::from(known.ct_eq(&digest)) { Some(position) } else { found }
        })
    }

    pub fn identity(&self, position: usize) -> Option<&Identity> {
        self.0.get(position).map(|(identity, _)| identity)
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

fn value(entry: &NamedToken) -> Result<Secret> {
    match (&entry.token_file, &entry.token_env) {
        (Some(path), _) => token_file::read(path),
        (None, Some(name)) => entry
            .from_env
            .clone()
            .with_context(|| format!("the environment variable {name} is not set or empty")),
        (None, None) => bail!("it has neither token_env nor token_file"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "first-0123456789abcdef";

    fn serve(text: &str) -> Serve {
        let mut serve: Serve = toml::from_str(text).unwrap();
        for entry in &mut serve.tokens {
            entry.from_env = Some(Secret::new(entry.token_env.clone().unwrap()));
        }
        serve
    }

    /// The variable stands for its own value.
    fn entry(name: &str, role: &str, token: &str) -> String {
        format!("[[tokens]]\nname = \"{name}\"\nrole = \"{role}\"\ntoken_env = \"{token}\"\n")
    }

    #[test]
    fn token_has_the_name_and_role_of_its_entry() {
        let text = format!(
            "token = \"{FIRST}\"\n{}{}",
            entry("dashboard", "aggregates", "second-0123456789abcdef"),
            entry("analyst", "user_rows", "third-0123456789abcdef"),
        );
        let tokens = Tokens::read(&serve(&text)).unwrap();
        let of = |token: &str| tokens.find(token).and_then(|position| tokens.identity(position));
        let name_and_role = |token: &str| of(token).map(|i| (i.name.to_string(), i.role));
        for (token, name, role) in [
            (FIRST, "serve.token", Role::UserRows),
            ("second-0123456789abcdef", "dashboard", Role::Aggregates),
            ("third-0123456789abcdef", "analyst", Role::UserRows),
        ] {
            assert_eq!(name_and_role(token), Some((name.to_owned(), role)));
        }
        for wrong in ["", "first-0123456789abcde", "first-0123456789abcdef0"] {
            assert_eq!(name_and_role(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn rows_of_single_users_need_a_token_of_that_role() {
        let error = |text: String| Tokens::read(&serve(&text)).err().map(|e| format!("{e:#}"));
        let allowed = "allow_user_rows = true\n";
        let aggregates = entry("dashboard", "aggregates", FIRST);
        for text in [allowed.to_owned(), format!("{allowed}{aggregates}")] {
            let error = error(text).unwrap();
            assert!(
                error.contains("user_rows") && error.contains("MOBILITY_SERVE_TOKEN"),
                "{error}"
            );
        }
        assert_eq!(error(format!("{allowed}{}", entry("analyst", "user_rows", FIRST))), None);
        assert_eq!(error(format!("{allowed}token = \"{FIRST}\"\n")), None);
        assert_eq!(error(aggregates), None);
    }

    #[test]
    fn equal_and_short_tokens_are_refused_without_being_shown() {
        let equal = entry("a", "aggregates", FIRST) + &entry("b", "user_rows", FIRST);
        let short = entry("a", "aggregates", "first-012345678");
        for (text, words) in [(equal, "\"a\" and \"b\" are equal"), (short, "at least 16")] {
            let error = format!("{:#}", Tokens::read(&serve(&text)).err().unwrap());
            assert!(error.contains(words) && !error.contains("first"), "{error}");
        }
    }
}
